import { createRng, groupBy, sum } from "../core/index.ts";
import type { Row } from "../datasets/index.ts";
import type { Operator, ProductChoices } from "../native/index.ts";
import {
  activeJobs,
  CHOICE,
  DECODED,
  type DeviceSpeed,
  formatAction,
  type OperatorCall,
  type Pass,
  type Plan,
  parseAction,
  passOf,
  productShare,
  type StageShape,
  sampleRunOperators,
  stageOperators,
  stageShapes,
  updateOperator,
} from "../plan/index.ts";
import { speedBetween, type Trace, type TraceEvent } from "../traces/index.ts";
import { actionGaps } from "./action-gaps.ts";
import { initialPairs } from "./adapters.ts";
import { computeOrder, endNs } from "./compute-order.ts";
import { executePlan } from "./execute.ts";
import type { ExecuteResult } from "./execution.ts";
import type { BaseModel } from "./model-folder.ts";
import { callName, operatorName } from "./operator-names.ts";
import { type OwnWork, watchOwnWork } from "./own-work.ts";
import type { RunProfile } from "./record-completions.ts";

/**
 * A time in which the device's threads had their cores, and how fast the device was then; undefined where nobody
 * looked.
 */
interface MeasuredTime {
  readonly seconds: number;
  readonly speed: DeviceSpeed | undefined;
}

/** One operator's measured time with the features that it was measured at. */
export interface MeasuredOperatorSample extends MeasuredTime {
  readonly operator: string;
  readonly kind: string;
  readonly features: Readonly<Record<string, number>>;
}

export interface MeasuredActionSample extends MeasuredTime {
  /** An evaluation is a forward with an operator of its own at the end. */
  readonly letter: Pass;
  readonly calls: readonly OperatorCall[];
  /** The share of products in its time. */
  readonly products: number;
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
  /** Of the measured actions together: their time, and what of it their threads did not have their cores. */
  readonly measuredSeconds: number;
  readonly interruptedSeconds: number;
  /** The part of the latter that JavaScript had their cores; undefined where nobody counts. */
  readonly ownInterruptedSeconds: number | undefined;
  readonly trace: Trace;
  /** Those that were known before and those of this run. */
  readonly products: ProductChoices | undefined;
}

/** Of one call: those of one name differ where a stage computes some of its layers again. */
function meanFeatures(calls: readonly OperatorCall[]): OperatorCall["features"] {
  if (calls.length === 1) return calls[0]!.features;
  const count = sum(calls.map((call) => call.calls));
  return Object.fromEntries(
    (Object.keys(calls[0]!.features) as (keyof OperatorCall["features"])[]).map((feature) => [
      feature,
      sum(calls.map((call) => call.calls * call.features[feature]!)) / count,
    ]),
  );
}

/** The mean time of each operator of a run over the layers of its stage. */
function operatorSamples(
  operatorSeconds: ArrayLike<number>,
  named: readonly string[],
  calls: readonly OperatorCall[],
  speed: DeviceSpeed | undefined,
): readonly MeasuredOperatorSample[] {
  const sums = new Map<string, { seconds: number; count: number }>();
  named.forEach((name, i) => {
    const entry = sums.get(name) ?? { seconds: 0, count: 0 };
    entry.seconds += operatorSeconds[i]!;
    entry.count += 1;
    sums.set(name, entry);
  });
  return [...groupBy(calls, callName)].flatMap(([name, members]) => {
    const entry = sums.get(name);
    if (entry === undefined) return [];
    const { name: operator, kind } = members[0]!;
    return [{ operator, kind, features: meanFeatures(members), seconds: entry.seconds / entry.count, speed }];
  });
}

/**
 * Messages whose receiver was already waiting: from the end of the sending action to the start of the receiving one.
 */
function messageSamples(events: readonly TraceEvent[]): readonly MeasuredMessage[] {
  const { byAction, before } = computeOrder(events);
  return events.flatMap((event) => {
    if (event.stream !== "send") return [];
    const producer = byAction.get(event.action)!;
    const sent = parseAction(event.action);
    const consumer = byAction.get(
      formatAction({ ...sent, stage: sent.stage + (passOf(sent.letter) === "F" ? 1 : -1) }),
    )!;
    const produced = endNs(producer);
    const previous = before.get(consumer.action);
    const lostNs = (event.interruptedNs ?? 0) + (event.delayedNs ?? 0) + (consumer.delayedNs ?? 0);
    return previous !== undefined && endNs(previous) > produced
      ? []
      : [{ bytes: event.bytes!, seconds: (consumer.startNs - produced - lostNs) / 1e9 }];
  });
}

/**
 * Of the runs that have answered prompts, and of the choices of tokens between them. Such an action says nothing of others:
 * it is no measured action.
 */
function sampleSamples(
  runs: NonNullable<RunProfile["runs"]>,
  shape: StageShape,
  operators: readonly Operator[],
  { seconds, speed }: MeasuredTime,
): readonly MeasuredOperatorSample[] {
  const plain = operators.map((operator) => operatorName(operator, "E"));
  const choices: OperatorCall[] = [];
  const samples = runs.flatMap(({ sequences, opNs }) => {
    const calls = sampleRunOperators(shape, { times: 1, sequences });
    choices.push(...calls.filter(({ name }) => name === CHOICE));
    const isDecoded = calls.some(({ name }) => name.startsWith(DECODED));
    const names = plain.map((name) => (isDecoded ? `${DECODED}${name}` : name));
    return operatorSamples(
      Array.from(opNs, (ns) => ns / 1e9),
      names,
      calls.filter(({ calls: count }) => count > 0),
      speed,
    );
  });
  const between = (seconds - sum(runs.map(({ ns }) => ns)) / 1e9) / runs.length;
  const choice = { operator: CHOICE, kind: CHOICE, features: meanFeatures(choices), seconds: between, speed };
  return between > 0 ? [...samples, choice] : samples;
}

/** Measuring runs are short: they have a sample for every few actions. */
const SAMPLE_EVERY_NS = 20e6;

function collect(plan: Plan, result: ExecuteResult, warmSteps: number, work: OwnWork | undefined): Measurements {
  const shapes = stageShapes(plan);
  const isWarm = (microBatch: number): boolean => plan.microBatches[microBatch]!.step >= warmSteps;
  const operators: MeasuredOperatorSample[] = [];
  const actions: MeasuredActionSample[] = [];
  const profiles = new Map(result.profiles.map((profile) => [formatAction(profile.action), profile]));
  const samples = plan.devices.map(
    ({ name }) => result.trace.machine?.devices.find((device) => device.name === name)?.samples ?? [],
  );
  let [measuredNs, interruptedNs] = [0, 0];
  for (const event of result.trace.events) {
    const { stage, letter, microBatch } = event;
    if (event.stream !== "compute" || !isWarm(microBatch)) continue;
    measuredNs += event.durationNs;
    interruptedNs += event.interruptedNs ?? 0;
    const seconds = (event.durationNs - (event.interruptedNs ?? 0)) / 1e9;
    const speed = speedBetween(samples[event.device]!, event.startNs / 1e9, endNs(event) / 1e9);
    const { runs } = profiles.get(event.action) ?? {};
    if (runs !== undefined)
      operators.push(...sampleSamples(runs, shapes[stage]!, result.operators[stage]!.sample, { seconds, speed }));
    else if (letter === "F" || letter === "B" || letter === "E") {
      const calls = stageOperators(shapes[stage]!, letter, plan.microBatches[microBatch]!);
      const profile = profiles.get(event.action)!;
      const names = result.operators[stage]![letter].map((operator) => operatorName(operator, letter));
      const own = operatorSamples(profile.operatorSeconds, names, calls, speed);
      const times = new Map(own.map(({ operator, seconds }) => [operator, seconds]));
      const parts = calls.map(({ name, kind, calls: count }) => ({ kind, seconds: count * (times.get(name) ?? 0) }));
      operators.push(...own);
      actions.push({ letter: passOf(letter) as "F" | "B", calls, seconds, speed, products: productShare(parts) });
    } else {
      const { group, step } = plan.microBatches[microBatch]!;
      const call = updateOperator(shapes[stage]!, activeJobs(plan, group, step));
      operators.push({ operator: call.name, kind: call.kind, features: call.features, seconds, speed });
      actions.push({ letter: "U", calls: [call], seconds, speed, products: 0 });
    }
  }
  return {
    operators,
    actions,
    messages: messageSamples(result.trace.events),
    gaps: actionGaps(plan, result.trace.events),
    measuredSeconds: measuredNs / 1e9,
    interruptedSeconds: interruptedNs / 1e9,
    ownInterruptedSeconds: work && ((interruptedNs / 1e9) * work.seconds) / (work.seconds + work.otherSeconds || 1),
    trace: result.trace,
    products: result.products,
  };
}

function randomRows(plan: Plan): readonly (readonly Row[])[] {
  const { vocabularySize } = plan.model.architecture;
  const rows: Row[][] = plan.jobs.map(() => []);
  for (const microBatch of plan.microBatches) {
    for (const [job, index, rowTokens, scored, compared] of microBatch.rows) {
      const tokens = compared?.generates === undefined ? rowTokens : compared.answers[0]![0];
      const rng = createRng(`row ${job} ${index}`);
      const inputIds = Int32Array.from({ length: tokens }, () => rng.nextInt(vocabularySize));
      rows[job]![index] = { inputIds, labels: inputIds.map((id, t) => (t < tokens - scored ? -100 : id)) };
    }
  }
  return rows;
}

/**
 * Runs a plan whose rows are only lengths, on random tokens, and reports every operator's time after `warmSteps` steps,
 * in which the ways of products are chosen that are not `known`.
 */
export async function measurePlan(
  plan: Plan,
  model: BaseModel,
  warmSteps: number,
  known: ProductChoices | undefined,
): Promise<Measurements> {
  let watched: (() => OwnWork | undefined) | undefined;
  let work: OwnWork | undefined;
  const result = await executePlan({
    plan,
    model,
    onEvent({ kind }) {
      if (kind === "ready") watched = watchOwnWork();
      // The devices' threads are gone when all has ended.
      if (kind === "ended") work = watched?.();
    },
    rows: randomRows(plan),
    start: plan.jobs.map((job) => initialPairs(job, plan.model.architecture)),
    versions: {},
    profile: true,
    measureProducts: { known },
    sampleEveryNs: SAMPLE_EVERY_NS,
  });
  return collect(plan, result, warmSteps, work);
}
