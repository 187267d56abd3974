import { createRng, groupBy, sum } from "../core/index.ts";
import type { Row } from "../datasets/index.ts";
import type { Operator } from "../native/index.ts";
import {
  activeJobs,
  formatAction,
  type OperatorCall,
  type Plan,
  type PlannedLetter,
  parseAction,
  stageOperators,
  stageShapes,
  updateOperator,
} from "../plan/index.ts";
import type { TraceEvent } from "../traces/index.ts";
import { actionGaps } from "./action-gaps.ts";
import { initialPairs } from "./adapters.ts";
import { computeOrder, endNs } from "./compute-order.ts";
import { type ExecuteResult, executePlan } from "./execute.ts";
import type { BaseModel } from "./model-folder.ts";
import { callName, operatorName } from "./operator-names.ts";
import type { RunProfile } from "./record-completions.ts";

/** One operator's measured time with the features that it was measured at. */
export interface MeasuredOperatorSample {
  readonly operator: string;
  readonly kind: string;
  readonly features: Readonly<Record<string, number>>;
  readonly seconds: number;
}

export interface MeasuredActionSample {
  readonly letter: PlannedLetter;
  readonly calls: readonly OperatorCall[];
  readonly seconds: number;
}

export interface MeasuredMessage {
  readonly bytes: number;
  readonly seconds: number;
}

export interface Measurements {
  readonly operators: readonly MeasuredOperatorSample[];
  readonly actions: readonly MeasuredActionSample[];
  readonly messages: readonly MeasuredMessage[];
  /** Seconds between two actions of a device. */
  readonly gaps: readonly number[];
}

/** Of one call: those of one name differ where a stage computes some of its layers again. */
function meanFeatures(calls: readonly OperatorCall[]): OperatorCall["features"] {
  if (calls.length === 1) return calls[0]!.features;
  const count = sum(calls.map((call) => call.calls));
  return Object.fromEntries(
    Object.keys(calls[0]!.features).map((feature) => [
      feature,
      sum(calls.map((call) => call.calls * call.features[feature]!)) / count,
    ]),
  );
}

/** The mean time of each operator of an action over the layers of its stage. */
function operatorSamples(
  profile: RunProfile,
  operators: readonly Operator[],
  calls: readonly OperatorCall[],
): readonly MeasuredOperatorSample[] {
  const letter = profile.action.letter === "F" ? "F" : "B";
  const sums = new Map<string, { seconds: number; count: number }>();
  operators.forEach((operator, i) => {
    const name = operatorName(operator, letter);
    const entry = sums.get(name) ?? { seconds: 0, count: 0 };
    entry.seconds += profile.operatorSeconds[i]!;
    entry.count += 1;
    sums.set(name, entry);
  });
  return [...groupBy(calls, callName)].flatMap(([name, members]) => {
    const entry = sums.get(name);
    if (entry === undefined) return [];
    const { name: operator, kind } = members[0]!;
    return [{ operator, kind, features: meanFeatures(members), seconds: entry.seconds / entry.count }];
  });
}

/** Messages whose receiver was already waiting: from the end of the sending action to the start of the receiving one. */
function messageSamples(events: readonly TraceEvent[]): readonly MeasuredMessage[] {
  const { byAction, before } = computeOrder(events);
  return events.flatMap((event) => {
    if (event.stream !== "send") return [];
    const producer = byAction.get(event.action)!;
    const sent = parseAction(event.action);
    const consumer = byAction.get(formatAction({ ...sent, stage: sent.stage + (sent.letter === "F" ? 1 : -1) }))!;
    const produced = endNs(producer);
    const previous = before.get(consumer.action);
    return previous !== undefined && endNs(previous) > produced
      ? []
      : [{ bytes: event.bytes!, seconds: (consumer.startNs - produced) / 1e9 }];
  });
}

function collect(plan: Plan, result: ExecuteResult, warmSteps: number): Measurements {
  const shapes = stageShapes(plan);
  const isWarm = (microBatch: number): boolean => plan.microBatches[microBatch]!.step >= warmSteps;
  const operators: MeasuredOperatorSample[] = [];
  const actions: MeasuredActionSample[] = [];
  for (const profile of result.profiles) {
    const { stage, letter, microBatch } = profile.action;
    if (letter === "U" || !isWarm(microBatch)) continue;
    const calls = stageOperators(shapes[stage]!, letter, plan.microBatches[microBatch]!);
    operators.push(...operatorSamples(profile, result.operators[stage]![letter], calls));
    actions.push({ letter, calls, seconds: profile.seconds });
  }
  for (const event of result.trace.events) {
    if (event.stream !== "compute" || event.letter !== "U" || !isWarm(event.microBatch)) continue;
    const { group, step } = plan.microBatches[event.microBatch]!;
    const call = updateOperator(shapes[event.stage]!, activeJobs(plan, group, step));
    const seconds = event.durationNs / 1e9;
    operators.push({ operator: call.name, kind: call.kind, features: call.features, seconds });
    actions.push({ letter: "U", calls: [call], seconds });
  }
  return {
    operators,
    actions,
    messages: messageSamples(result.trace.events),
    gaps: actionGaps(plan, result.trace.events),
  };
}

function randomRows(plan: Plan): readonly (readonly Row[])[] {
  const { vocabularySize } = plan.model.architecture;
  const rows: Row[][] = plan.jobs.map(() => []);
  for (const microBatch of plan.microBatches) {
    for (const [job, index, tokens, scored] of microBatch.rows) {
      const rng = createRng(`row ${job} ${index}`);
      const inputIds = Int32Array.from({ length: tokens }, () => rng.nextInt(vocabularySize));
      rows[job]![index] = { inputIds, labels: inputIds.map((id, t) => (t < tokens - scored ? -100 : id)) };
    }
  }
  return rows;
}

/** Runs a plan whose rows are only lengths, on random tokens, and reports every operator's time after `warmSteps` steps. */
export async function measurePlan(plan: Plan, model: BaseModel, warmSteps: number): Promise<Measurements> {
  const result = await executePlan({
    plan,
    model,
    rows: randomRows(plan),
    start: plan.jobs.map((job) => initialPairs(job, plan.model.architecture)),
    versions: {},
    profile: true,
  });
  return collect(plan, result, warmSteps);
}
