import { mean } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import type { Dtype } from "../../plan/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { calibrateFor } from "../calibrate.ts";
import { summarize } from "../measurement.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { acceptedDtypes, benchModel, roundSeconds, train } from "../train.ts";
import { trainAlone } from "../train-alone.ts";
import { ATTENTION_TARGETS, benchPlan, type ModelShape, type PlanShape } from "../workload.ts";

/**
 * Two stages that take equally long: six layers, the first without a gradient of its input, against two layers and a
 * head whose vocabulary makes up for the other four, their attention and adapters included. For fp32; see `modelOf`.
 */
const BALANCED: ModelShape = {
  hidden: 512,
  layers: 8,
  heads: 8,
  kvHeads: 8,
  intermediate: 1408,
  vocabulary: 26624,
};
const MODELS: Readonly<Record<Scale, ModelShape>> = {
  full: BALANCED,
  default: BALANCED,
  quick: { hidden: 256, layers: 8, heads: 4, kvHeads: 4, intermediate: 704, vocabulary: 15872 },
  tiny: { hidden: 64, layers: 8, heads: 4, kvHeads: 4, intermediate: 176, vocabulary: 3040 },
};

interface Sizes {
  readonly runs: number;
  /** Steps of jobs with one micro-batch a step, and with several. */
  readonly steps: readonly [number, number];
  /** Numbers of jobs, and of micro-batches in a step of each. */
  readonly loads: readonly (readonly [number, number])[];
}

const ALL_LOADS = [
  [2, 1],
  [2, 4],
  [4, 1],
  [4, 4],
] as const;
/** The least and the most that there is to fill a pipeline with. */
const ENDS = [
  [2, 1],
  [4, 4],
] as const;

const SIZES: Readonly<Record<Scale, Sizes>> = {
  full: { runs: 5, steps: [24, 8], loads: ALL_LOADS },
  default: { runs: 3, steps: [12, 4], loads: ENDS },
  quick: { runs: 2, steps: [24, 8], loads: ALL_LOADS },
  tiny: { runs: 1, steps: [4, 4], loads: ALL_LOADS },
};

/** Products gain more from bfloat16 than the rest of a layer does, so the head that balances is larger by this. */
const BF16_HEAD = 1.029;

function modelOf(scale: Scale, dtype: Dtype): ModelShape {
  const model = MODELS[scale];
  if (dtype !== "bfloat16") return model;
  return { ...model, vocabulary: Math.round((model.vocabulary * BF16_HEAD) / 64) * 64 };
}

function shapeOf(scale: Scale, dtype: Dtype, jobs: number, microBatches: number): PlanShape {
  const job = {
    rank: 16,
    targets: ATTENTION_TARGETS,
    batchSize: microBatches,
    microBatchSize: 1,
    length: scale === "tiny" ? 16 : 256,
    steps: SIZES[scale].steps[microBatches === 1 ? 0 : 1],
  };
  return { model: modelOf(scale, dtype), dtype, jobs: Array.from({ length: jobs }, () => job), devices: [1] };
}

function tokensOf({ jobs }: PlanShape): number {
  return jobs.reduce((sum, { batchSize, length }) => sum + batchSize * Number(length), 0);
}

/** On one core of a slow machine in fp32. */
const SLOW_TOKENS_PER_SECOND = 640;

/**
 * How much slower each of two trainings on a core of its own is than one alone: what the cores take from each other.
 */
async function measureSharing(bench: Bench, dtype: Dtype): Promise<void> {
  const cores = nativeInfo().cores.slice(0, 2);
  const shape = shapeOf(bench.scale, dtype, 2, 1);
  const losses: number[] = [];
  for (let run = 0; run < SIZES[bench.scale].runs; run += 1) {
    const alone: number[] = [];
    for (const core of cores) alone.push((await trainAlone(shape, core)).roundSeconds);
    const together = await Promise.all(cores.map(async (core) => (await trainAlone(shape, core)).roundSeconds));
    losses.push(1 - mean(alone) / mean(together));
  }
  bench.record({
    name: "lost by two cores to each other",
    parameters: { dtype },
    ...summarize(losses),
    spread: null,
    unit: "share",
  });
}

async function measure(bench: Bench, shape: PlanShape, microBatches: number): Promise<void> {
  const two = { ...shape, devices: [1, 1] };
  const plans = {
    one: benchPlan(shape),
    two: benchPlan({ ...two, calibration: await calibrateFor(two) }),
  };
  const model = benchModel(plans.one.model.architecture);
  const seconds: Record<"one" | "two", number[]> = { one: [], two: [] };
  const bubbles: number[] = [];
  const balances: number[] = [];
  for (let run = 0; run < SIZES[bench.scale].runs; run += 1) {
    for (const which of run % 2 === 0 ? (["one", "two"] as const) : (["two", "one"] as const)) {
      const { trace } = await train(plans[which], model);
      seconds[which].push(roundSeconds(plans[which], trace));
      if (which === "one") continue;
      const { bubbleRatio, devices } = runMetrics(plans.two, trace);
      bubbles.push(bubbleRatio ?? 0);
      balances.push(devices[0]!.busySeconds / devices[1]!.busySeconds);
    }
  }
  const parameters = { dtype: shape.dtype, jobs: shape.jobs.length, microBatches };
  const tokens = tokensOf(shape);
  const rates = (which: "one" | "two"): readonly number[] => seconds[which].map((each) => tokens / each);
  bench.record({ name: "one device", parameters, ...summarize(rates("one")), unit: "tokens/s" });
  bench.record({ name: "two devices", parameters, ...summarize(rates("two")), unit: "tokens/s" });
  const ratio = seconds.one.map((each, run) => each / seconds.two[run]!);
  bench.record({ name: "two against one", parameters, ...summarize(ratio), unit: "ratio" });
  bench.record({ name: "steady bubble", parameters, ...summarize(bubbles), spread: null, unit: "share" });
  bench.record({ name: "busy, stage 0 to 1", parameters, ...summarize(balances), spread: null, unit: "ratio" });
}

/** Of one run with as many tokens as a step of one job has; bfloat16 takes half as long. */
function secondsOf(scale: Scale, dtype: Dtype, jobs: number, microBatches: number): number {
  const { runs, steps } = SIZES[scale];
  const tokens = jobs * microBatches * 256 * steps[microBatches === 1 ? 0 : 1];
  return (dtype === "float32" ? 1 : 0.5) * (20 + (1.5 * runs * tokens) / SLOW_TOKENS_PER_SECOND);
}

export const pipeline: Suite = {
  describe: "two devices of one core against one, the bubble between them, and what cores take from each other",
  async cases({ scale, note }) {
    if (nativeInfo().cores.length < 2) {
      note("Two devices need two cores; this process may use one.");
      return [];
    }
    const dtypes = await acceptedDtypes();
    const loads = dtypes.flatMap((dtype) =>
      SIZES[scale].loads.map(
        ([jobs, microBatches]): Case => ({
          name: `${jobs} jobs, ${microBatches} micro-batches, ${dtype}`,
          seconds: secondsOf(scale, dtype, jobs, microBatches),
          run: (bench) => measure(bench, shapeOf(scale, dtype, jobs, microBatches), microBatches),
        }),
      ),
    );
    if (scale === "tiny") return loads;
    const sharing = dtypes.map(
      (dtype): Case => ({
        name: `two cores at once, ${dtype}`,
        seconds: 2 * secondsOf(scale, dtype, 2, 1),
        run: (bench) => measureSharing(bench, dtype),
      }),
    );
    return [...loads, ...sharing];
  },
};
