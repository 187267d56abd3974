import { mean } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import type { Dtype } from "../../plan/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { calibrateFor } from "../calibrate.ts";
import { summarize } from "../measurement.ts";
import type { Bench, Scale, Suite } from "../suite.ts";
import { acceptedDtypes, benchModel, roundSeconds, train } from "../train.ts";
import { trainAlone } from "../train-alone.ts";
import { ATTENTION_TARGETS, benchPlan, type ModelShape, type PlanShape } from "../workload.ts";

/**
 * Two stages that take equally long: six layers, the first without a gradient of its input, against two layers and a head
 * whose vocabulary makes up for the other four, their attention and adapters included. For fp32; see `modelOf`.
 */
const MODELS: Readonly<Record<Scale, ModelShape>> = {
  full: { hidden: 512, layers: 8, heads: 8, kvHeads: 8, intermediate: 1408, vocabulary: 26624 },
  quick: { hidden: 256, layers: 8, heads: 4, kvHeads: 4, intermediate: 704, vocabulary: 15872 },
  tiny: { hidden: 64, layers: 8, heads: 4, kvHeads: 4, intermediate: 176, vocabulary: 3040 },
};
const RUNS: Readonly<Record<Scale, number>> = { full: 5, quick: 2, tiny: 1 };

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
    steps: scale === "tiny" ? 4 : microBatches === 1 ? 24 : 8,
  };
  return { model: modelOf(scale, dtype), dtype, jobs: Array.from({ length: jobs }, () => job), devices: [1] };
}

function tokensOf({ jobs }: PlanShape): number {
  return jobs.reduce((sum, { batchSize, length }) => sum + batchSize * Number(length), 0);
}

/** How much slower each of two trainings on a core of its own is than one alone: what the cores take from each other. */
async function measureSharing(bench: Bench, dtype: Dtype): Promise<void> {
  const cores = nativeInfo().cores.slice(0, 2);
  const shape = shapeOf(bench.scale, dtype, 2, 1);
  const losses: number[] = [];
  for (let run = 0; run < RUNS[bench.scale]; run += 1) {
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
  for (let run = 0; run < RUNS[bench.scale]; run += 1) {
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

export const pipeline: Suite = {
  describe: "two devices of one core against one, the bubble between them, and what cores take from each other",
  async run(bench) {
    if (nativeInfo().cores.length < 2) {
      bench.note("Two devices need two cores; this process may use one.");
      return;
    }
    for (const dtype of await acceptedDtypes()) {
      if (bench.scale !== "tiny") await measureSharing(bench, dtype);
      for (const jobs of [2, 4]) {
        for (const microBatches of [1, 4]) {
          bench.note(`${jobs} jobs, ${microBatches} micro-batches, ${dtype}`);
          await measure(bench, shapeOf(bench.scale, dtype, jobs, microBatches), microBatches);
        }
      }
    }
  },
};
