import type { PlanBody } from "../plan/index.ts";
import { computeEvents } from "./totals.ts";
import type { Trace } from "./trace.ts";

type PlanFacts = Pick<PlanBody, "jobs" | "groups" | "microBatches" | "pipelines" | "actions">;

/** What there is of a run that did not get to its end: the mini-batches of which every action has ended. */
export interface RunPart {
  readonly microBatches: ReadonlySet<number>;
  /** By job, steps that it has made. */
  readonly steps: readonly number[];
}

const NONE: ReadonlyMap<number, number> = new Map();

/**
 * The part of a plan that a trace has; undefined where that is all of it. `lastSteps`: by job that was stopped, the last
 * step that it has made, from 0; others may have gone on with micro-batches that it shared.
 */
export function partOfRun(plan: PlanFacts, trace: Trace, lastSteps = NONE): RunPart | undefined {
  const missing = new Map<string, number>();
  const keyOf = (microBatch: number): string => {
    const { group, step } = plan.microBatches[microBatch]!;
    return `${group} ${step}`;
  };
  for (const { index, group, part, evaluation = false } of plan.microBatches) {
    const { firstStage, endStage } = plan.pipelines[plan.groups[group]!.pipeline]!;
    // Forward and backward on each stage, and with the first part an update; of held-out rows one evaluation.
    const actions = (endStage - firstStage) * (evaluation ? 1 : part === 0 ? 3 : 2);
    missing.set(keyOf(index), (missing.get(keyOf(index)) ?? 0) + actions);
  }
  for (const { microBatch } of computeEvents(trace)) {
    if (plan.microBatches[microBatch] === undefined) continue;
    missing.set(keyOf(microBatch), missing.get(keyOf(microBatch))! - 1);
  }
  if (lastSteps.size === 0 && [...missing.values()].every((count) => count === 0)) return undefined;
  const whole = plan.microBatches.filter(({ index }) => missing.get(keyOf(index)) === 0);
  const groupSteps = plan.groups.map(() => 0);
  for (const { group, step } of whole) groupSteps[group] = Math.max(groupSteps[group]!, step + 1);
  const steps = stepsOfJobs(plan, groupSteps);
  for (const [job, last] of lastSteps)
    steps[job] = last < (plan.jobs[job]!.firstStep ?? 0) ? 0 : Math.min(steps[job]!, last + 1);
  return { microBatches: new Set(whole.map(({ index }) => index)), steps };
}

/** By job, steps that it has made once its groups have made so many. */
function stepsOfJobs({ jobs, groups }: Pick<PlanFacts, "jobs" | "groups">, groupSteps: readonly number[]): number[] {
  const steps = jobs.map(({ firstStep = 0 }) => firstStep);
  groups.forEach(({ members }, group) => {
    if (groupSteps[group] === 0) return;
    for (const { job, firstStep, endStep } of members)
      steps[job] = Math.max(steps[job]!, Math.min(endStep, firstStep + groupSteps[group]!));
  });
  return steps;
}

/** The part of a plan in which each group has made so many steps, whole. */
export function partOfSteps(
  plan: Pick<PlanFacts, "jobs" | "groups" | "microBatches">,
  groupSteps: readonly number[],
): RunPart {
  const made = plan.microBatches.filter(({ group, step }) => step < groupSteps[group]!);
  return { microBatches: new Set(made.map(({ index }) => index)), steps: stepsOfJobs(plan, groupSteps) };
}

/** A trace without what is not of the part. A prediction for the whole run says nothing of a part of it. */
export function traceOfPart({ intervals: _intervals, ...trace }: Trace, { microBatches }: RunPart): Trace {
  const events = trace.events.filter(({ microBatch }) => microBatches.has(microBatch));
  const endNs = events.reduce((end, { startNs, durationNs }) => Math.max(end, startNs + durationNs), 0);
  return { ...trace, events, counters: trace.counters.filter(({ timeNs }) => timeNs <= endNs) };
}

/** A plan that ends where the part does; micro-batches that did not run are there still, and in no stage's order. */
export function planOfPart<P extends PlanFacts>(plan: P, { microBatches, steps }: RunPart): P {
  const isOf = (key: string): boolean => microBatches.has(Number(/(?<!\d)\d+$/.exec(key)![0]));
  return {
    ...plan,
    jobs: plan.jobs.map((job, index) => ({ ...job, steps: steps[index]! })),
    actions: plan.actions.map((keys) => keys.filter(isOf)),
  };
}
