import { PlanError } from "../../core/index.ts";
import { dependencyTable } from "../actions/dependencies.ts";
import { coded, letterOf, microBatchOf, orderKeys, type StageOrders } from "../actions/order.ts";
import { timelineOf } from "../actions/timeline.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { MicroBatch, PlannedGroup } from "../documents/segment.ts";
import type { Buffers, StageMemory } from "../documents/setting.ts";
import { planBuffers } from "../memory/buffers.ts";
import { withGraphRoom } from "../memory/graph-room.ts";
import { neededMemory } from "../memory/needed-memory.ts";
import { countedOnce } from "../memory/shared-weights.ts";
import { stageUnits } from "../memory/stage-units.ts";
import { planOrders, validatePlan } from "../validate/validate-plan.ts";

/**
 * Steps of each group that its members have made: all the same, since they share micro-batches; undefined where that is
 * all of its steps, or the others were stopped. @throws PlanError
 */
function groupCuts(
  { groups, jobs, microBatches }: PlanBody,
  done: readonly number[],
  stopped: ReadonlySet<number>,
): readonly (number | undefined)[] {
  const numSteps = groups.map(() => 0);
  for (const { group, step } of microBatches) numSteps[group] = Math.max(numSteps[group]!, step + 1);
  return groups.map(({ members: all }, group) => {
    const members = all.filter(({ job }) => !stopped.has(job));
    if (members.length === 0) return undefined;
    const made = members.map(({ job, firstStep }) => Math.max(0, Math.min(numSteps[group]!, done[job]! - firstStep)));
    const cut = Math.max(...made);
    members.forEach(({ job, firstStep, endStep }, i) => {
      if (made[i] !== Math.min(cut, endStep - firstStep))
        throw new PlanError({
          expected: `${cut} steps of job ${jobs[job]!.name}, as of those that it shares micro-batches with`,
          got: made[i],
        });
    });
    return cut === numSteps[group] ? undefined : cut;
  });
}

/**
 * By job of the rest, the step that it begins with: those that have not made all of theirs, and those that were stopped
 * and share micro-batches that are left.
 */
function firstSteps(
  { groups, jobs }: PlanBody,
  done: readonly number[],
  cuts: readonly (number | undefined)[],
  stopped: ReadonlySet<number>,
): ReadonlyMap<number, number> {
  const first = new Map<number, number>();
  groups.forEach(({ members }, group) => {
    const cut = cuts[group];
    if (cut === undefined) return;
    for (const { job, firstStep, endStep } of members)
      if (stopped.has(job) && firstStep + cut < endStep)
        first.set(job, Math.min(first.get(job) ?? endStep, firstStep + cut));
  });
  for (const [job, { steps }] of jobs.entries())
    if (!stopped.has(job) && done[job]! < steps) first.set(job, done[job]!);
  return new Map([...first].sort(([a], [b]) => a - b));
}

/** What devices reserve for a plan's work on stages that have room for jobs that came before. */
function reserved(plan: PlanBody, orders: StageOrders): StageMemory[] {
  const before = stageUnits(plan);
  const memory = plan.stages.map((_, index) => neededMemory(plan, index, orders[index]!, before[index]!));
  return countedOnce({ ...plan, memory });
}

/** Buffers that are enough for the orders at any speed, and no fewer than there were. */
function widerBuffers(plan: PlanBody, orders: StageOrders): Buffers[] {
  const timeline = timelineOf(orders, dependencyTable(plan), { durationNs: () => 1, transferNs: () => 0 });
  return planBuffers(orders, [timeline], plan).map((needed, stage) => {
    const known = plan.buffers[stage]!;
    return {
      activationIn: Math.max(needed.activationIn, known.activationIn),
      activationOut: known.activationOut,
      gradientIn: Math.max(needed.gradientIn, known.gradientIn),
      gradientOut: known.gradientOut,
    };
  });
}

/**
 * What of a plan is left once its jobs have made some steps: the same stages, groups, micro-batches and orders without
 * what has ended. Jobs that have made all their steps are not in it; the others begin with `firstStep`. `done`: by job.
 * One of `stopped` makes no further step, and is in it only beside others that it shares micro-batches with.
 * Undefined where nothing is left. Its prediction is left open.
 * @throws PlanError for jobs that share micro-batches and are at different steps
 */
export function restOfPlan(
  plan: PlanBody,
  done: readonly number[],
  stopped: ReadonlySet<number> = new Set(),
): PlanBody | undefined {
  const cuts = groupCuts(plan, done, stopped);
  const first = firstSteps(plan, done, cuts, stopped);
  const jobs = [...first.keys()];
  if (jobs.length === 0) return undefined;
  const jobNumbers = new Map(jobs.map((job, number) => [job, number]));
  const groups: PlannedGroup[] = [];
  const groupNumbers = new Map<number, number>();
  plan.groups.forEach(({ pipeline, members }, group) => {
    const cut = cuts[group];
    if (cut === undefined) return;
    groupNumbers.set(group, groups.length);
    groups.push({
      pipeline,
      members: members.flatMap(({ job, firstStep, endStep }) =>
        firstStep + cut < endStep ? [{ job: jobNumbers.get(job)!, firstStep: firstStep + cut, endStep }] : [],
      ),
    });
  });
  const kept = plan.microBatches.filter(({ group, step }) => step >= (cuts[group] ?? Number.POSITIVE_INFINITY));
  const numbers = new Map(kept.map(({ index }, number) => [index, number]));
  const microBatches = kept.map(
    (own, index): MicroBatch => ({
      ...own,
      index,
      group: groupNumbers.get(own.group)!,
      step: own.step - cuts[own.group]!,
      after: own.after.flatMap((other) => numbers.get(other) ?? []),
      rows: own.rows.map(([job, ...row]) => [jobNumbers.get(job)!, ...row]),
    }),
  );
  const orders = planOrders(plan).map((order) =>
    order
      .filter((action) => numbers.has(microBatchOf(action)))
      .map((action) => coded(letterOf(action), numbers.get(microBatchOf(action))!)),
  );
  const begun = {
    ...plan,
    jobs: jobs.map((job) =>
      first.get(job) === 0 ? plan.jobs[job]! : { ...plan.jobs[job]!, firstStep: first.get(job)! },
    ),
    groups,
    microBatches,
    actions: orders.map((order, stage) => orderKeys(stage, order)),
    predicted: null,
  };
  const buffered = { ...begun, buffers: widerBuffers(begun, orders) };
  const whole = { ...buffered, memory: reserved(buffered, orders) };
  const rest = plan.slots === "placed" ? withGraphRoom(whole) : whole;
  validatePlan(rest);
  return rest;
}
