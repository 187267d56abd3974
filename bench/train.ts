import { canonicalJson, createRng, DeviceError, median, sum } from "../core/index.ts";
import type { Row } from "../datasets/index.ts";
import {
  type BaseModel,
  type ExecuteInput,
  type ExecuteResult,
  executePlan,
  executeProbed,
  initialPairs,
  syntheticWeights,
} from "../exec/index.ts";
import type { Architecture, ComputeDtype, Plan } from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";
import { computeEvents } from "../traces/totals.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL } from "./workload.ts";

/** The tensor of a shape, made once: making each anew would take longer than training. */
function once<Data>(make: (shape: readonly number[]) => Data): (name: string, shape: readonly number[]) => Data {
  const known = new Map<string, Data>();
  return (_name, shape) => {
    const key = shape.join("x");
    const tensor = known.get(key) ?? make(shape);
    known.set(key, tensor);
    return tensor;
  };
}

/** The upper halves of floats. */
function upperHalves(floats: Float32Array): Uint16Array {
  const bits = new Uint32Array(floats.buffer);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i += 1) halves[i] = bits[i]! >>> 16;
  return halves;
}

let latest: BaseModel | undefined;

/**
 * Random weights, one tensor for all of a shape; as floats, and in bfloat16 as a checkpoint would hold it. Kept for the
 * next run of the same model.
 */
export function benchModel(architecture: Architecture): BaseModel {
  if (latest === undefined || canonicalJson(latest.architecture) !== canonicalJson(architecture))
    latest = randomModel(architecture);
  return latest;
}

function randomModel(architecture: Architecture): BaseModel {
  const { weights } = syntheticWeights(architecture);
  const floats = (shape: readonly number[]): Float32Array => weights.read(shape.join("x"), shape);
  return {
    architecture,
    weights: { read: once(floats), readBfloat16: once((shape) => upperHalves(floats(shape))) },
  };
}

/** Random tokens for the plan's rows; all but the first of a row are scored. */
export function randomRows(plan: Plan): readonly (readonly Row[])[] {
  const rows: Row[][] = plan.jobs.map(() => []);
  for (const microBatch of plan.microBatches) {
    for (const [job, index, tokens] of microBatch.rows) {
      const rng = createRng(`row ${job} ${index}`);
      const inputIds = Int32Array.from({ length: tokens }, () => rng.nextInt(plan.model.architecture.vocabularySize));
      rows[job]![index] = { inputIds, labels: inputIds.map((id, t) => (t === 0 ? -100 : id)) };
    }
  }
  return rows;
}

/** What a plan of random rows is trained with. */
export function inputOf(plan: Plan, model: BaseModel): ExecuteInput {
  return {
    plan,
    model,
    rows: randomRows(plan),
    start: plan.jobs.map((job) => initialPairs(job, plan.model.architecture)),
    versions: {},
  };
}

export async function train(plan: Plan, model: BaseModel, profile = false): Promise<ExecuteResult> {
  return await executePlan({ ...inputOf(plan, model), profile });
}

/** The same with a look at how fast the machine is, as the command line trains. */
export async function trainProbed(plan: Plan, model: BaseModel): Promise<ExecuteResult> {
  return await executeProbed(inputOf(plan, model));
}

/** Seconds between the ends of a group's updates on stage 0: its steps but the first, which fills caches. */
function stepSeconds(plan: Plan, trace: Trace, group: number): readonly number[] {
  const ends = computeEvents(trace)
    .filter(({ letter, stage, microBatch }) => {
      return letter === "U" && stage === 0 && plan.microBatches[microBatch]!.group === group;
    })
    .map(({ startNs, durationNs }) => startNs + durationNs);
  return ends.slice(1).map((end, index) => (end - ends[index]!) / 1e9);
}

/**
 * Seconds in which every job makes one optimizer step, median over the steps after the first. Where groups take turns,
 * between ends of the last one's: by then no other is in its first step any more.
 */
export function roundSeconds(plan: Plan, trace: Trace): number {
  const groups = plan.groups.map((_, group) => median(stepSeconds(plan, trace, group)));
  return plan.schedule.startsWith("lorapp") ? groups.at(-1)! : sum(groups);
}

/** Share of the compute queues' time in which they were empty and waited for JavaScript. */
export function starvedShare({ statistics }: ExecuteResult): number {
  const starved = sum(statistics.map(({ starvedNs }) => starvedNs));
  return starved / (starved + sum(statistics.map(({ busyNs, waitNs }) => busyNs + waitNs)));
}

export function peakBytes({ statistics }: ExecuteResult): number {
  return sum(statistics.map(({ memory }) => memory.peakBytes));
}

export function plannedBytes(plan: Plan): number {
  return sum(plan.memory.map(({ total }) => total));
}

const accepted: ComputeDtype[] = [];

/** The dtypes that the executor trains in, found out by training in them. */
export async function acceptedDtypes(): Promise<readonly ComputeDtype[]> {
  if (accepted.length > 0) return accepted;
  for (const dtype of ["float32", "bfloat16"] as const) {
    const job = { rank: 4, targets: ATTENTION_TARGETS, batchSize: 1, microBatchSize: 1, length: 8, steps: 1 };
    try {
      const plan = benchPlan({ model: MODEL.tiny, dtype, jobs: [job], devices: [1] });
      await train(plan, benchModel(plan.model.architecture));
      accepted.push(dtype);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
    }
  }
  return accepted;
}
