import { type Dtype, dtypeSchema, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import type { Parameters } from "../measurement.ts";
import type { Bench, Case, Suite } from "../suite.ts";
import { benchModel, peakBytes, plannedBytes, train } from "../train.ts";
import { trainAlone } from "../train-alone.ts";
import { ATTENTION_TARGETS, benchPlan, type JobShape, MODEL, type ModelShape, type PlanShape } from "../workload.ts";

/** The shape of TinyLlama-1.1B. */
const LARGE: ModelShape = {
  hidden: 2048,
  layers: 22,
  heads: 32,
  kvHeads: 4,
  intermediate: 5632,
  vocabulary: 32000,
};

const JOB: JobShape = {
  rank: 16,
  targets: ATTENTION_TARGETS,
  batchSize: 2,
  microBatchSize: 1,
  length: { distribution: "uniform", min: 40, max: 200 },
  steps: 2,
};

function plansOf(model: ModelShape, dtype: Dtype): Readonly<Record<string, PlanShape>> {
  const jobs = [JOB, { ...JOB, rank: 8 }, { ...JOB, rank: 32, targets: UNFUSED_PROJECTIONS }, { ...JOB, rank: 5 }];
  const shape = { model, dtype, jobs, devices: [1] };
  return {
    "1 device, jobs alone": shape,
    "1 device of 2 threads, one group": { ...shape, devices: [2], groups: 1 },
    "2 devices, jobs alone": { ...shape, devices: [1, 1] },
    "2 devices, two groups": { ...shape, devices: [1, 1], groups: 2 },
    "2 devices, gpipe": { ...shape, devices: [1, 1], schedule: "gpipe" },
    "2 devices, gpipe, layers recomputed": { ...shape, devices: [1, 1], schedule: "gpipe", recompute: "layer" },
  };
}

function recordPeak(bench: Bench, parameters: Parameters, planned: number, peak: number): void {
  const one = { parameters, unit: "B", repetitions: 1, spread: null };
  bench.record({ ...one, name: "planned", value: planned });
  bench.record({ ...one, name: "measured peak", value: peak, limit: { of: "plan", share: peak / planned } });
}

/** Four adapters on a model of 1.1 billion parameters, in a process of its own, whose resident size is measured too. */
async function measureLarge(bench: Bench, dtype: Dtype): Promise<void> {
  const job = { ...JOB, length: 256, batchSize: 1, steps: 2 };
  const shape = { model: LARGE, dtype, jobs: [job, job, job, job], devices: [2] };
  const { plannedBytes, peakBytes, residentBytes } = await trainAlone(shape);
  const parameters = { plan: "1.1 billion parameters, 4 adapters", dtype };
  recordPeak(bench, parameters, plannedBytes, peakBytes);
  bench.record({
    name: "process",
    parameters,
    value: residentBytes,
    unit: "B",
    repetitions: 1,
    spread: null,
    limit: { of: "8 GB", share: residentBytes / 8e9 },
  });
}

/** Quantizing the weights is what takes longer. */
const SECONDS: Readonly<Record<Dtype, number>> = { float32: 12, bfloat16: 8, int8: 10, nf4: 10 };

export const memory: Suite = {
  describe: "planned against measured peak memory; --full: also a model of 1.1 billion parameters",
  cases({ scale }) {
    const plans = dtypeSchema.options.flatMap((dtype) =>
      Object.entries(plansOf(MODEL[scale], dtype)).map(
        ([plan, shape]): Case => ({
          name: `${plan}, ${dtype}`,
          seconds: SECONDS[dtype],
          async run(bench) {
            const made = benchPlan(shape);
            const peak = peakBytes(await train(made, benchModel(made.model.architecture)));
            recordPeak(bench, { plan, dtype }, plannedBytes(made), peak);
          },
        }),
      ),
    );
    if (scale !== "full") return plans;
    const large = (["bfloat16", "nf4"] as const).map(
      (dtype): Case => ({
        name: `1.1 billion parameters, ${dtype}`,
        seconds: 120,
        run: (bench) => measureLarge(bench, dtype),
      }),
    );
    return [...plans, ...large];
  },
};
