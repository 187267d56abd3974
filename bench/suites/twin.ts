import { createCostModel, type Dtype, PROJECTIONS } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import { compareTraces } from "../../traces/index.ts";
import { calibrateFor } from "../calibrate.ts";
import type { Bench, Scale, Suite } from "../suite.ts";
import { acceptedDtypes, benchModel, train } from "../train.ts";
import { ATTENTION_TARGETS, benchPlan, type JobShape, type ModelShape, type PlanShape } from "../workload.ts";

const MODELS: Readonly<Record<Scale, ModelShape>> = {
  full: { hidden: 512, layers: 8, heads: 8, kvHeads: 8, intermediate: 1408, vocabulary: 16000 },
  quick: { hidden: 256, layers: 4, heads: 4, kvHeads: 4, intermediate: 688, vocabulary: 4096 },
  tiny: { hidden: 64, layers: 2, heads: 4, kvHeads: 2, intermediate: 128, vocabulary: 128 },
};

const LENGTHS: Readonly<Record<Scale, { readonly min: number; readonly max: number }>> = {
  full: { min: 32, max: 384 },
  quick: { min: 32, max: 256 },
  tiny: { min: 8, max: 24 },
};

/** What the calibration measures: the ends of the range that the other workloads stay in, in ranks, lengths and sizes. */
function calibrationShape(scale: Scale, dtype: Dtype): PlanShape {
  const length = { distribution: "uniform", ...LENGTHS[scale] } as const;
  const job = { targets: PROJECTIONS, batchSize: 4, microBatchSize: 2, length, steps: 8 };
  return { model: MODELS[scale], dtype, jobs: [4, 32, 16, 64].map((rank) => ({ ...job, rank })), devices: [1, 1] };
}

/** Workloads that the calibration has not seen: other lengths, ranks, targets, batches, groups and schedules. */
function workloads(scale: Scale, dtype: Dtype): Readonly<Record<string, PlanShape>> {
  const { min, max } = LENGTHS[scale];
  const steps = scale === "tiny" ? 4 : 10;
  const middle = Math.round((min + max) / 2);
  const job: JobShape = { rank: 8, targets: ATTENTION_TARGETS, batchSize: 4, microBatchSize: 2, length: middle, steps };
  const shape = { model: MODELS[scale], dtype, devices: [1, 1] };
  const drawn = { distribution: "lognormal", mean: middle, sigma: 0.4, min, max } as const;
  return {
    "2 jobs of one length": { ...shape, jobs: [job, job] },
    "4 jobs of mixed ranks, drawn lengths": {
      ...shape,
      jobs: [8, 24, 48, 12].map((rank) => ({ ...job, rank, length: drawn })),
    },
    "4 jobs in 2 groups, all projections": {
      ...shape,
      jobs: [8, 24, 48, 12].map((rank) => ({ ...job, rank, microBatchSize: 1, targets: PROJECTIONS, length: drawn })),
      groups: 2,
    },
    "2 jobs, 1f1b": { ...shape, jobs: [job, { ...job, length: drawn }], schedule: "1f1b" },
  };
}

async function measure(bench: Bench, dtype: Dtype): Promise<void> {
  bench.note(`calibrating, ${dtype}`);
  const calibration = await calibrateFor(calibrationShape(bench.scale, dtype));
  for (const [name, shape] of Object.entries(workloads(bench.scale, dtype))) {
    bench.note(`${name}, ${dtype}`);
    const plan = benchPlan({ ...shape, calibration });
    const costModel = createCostModel(calibration, dtype);
    const simulated = simulate({ plan, planHash: plan.hash, costModel });
    const { trace } = await train(plan, benchModel(plan.model.architecture));
    const { makespanError, meanAbsActionError, weightedActionError, executed } = compareTraces(simulated, trace);
    const one = { parameters: { workload: name, dtype }, repetitions: 1, spread: null };
    bench.record({ ...one, name: "makespan", value: executed.makespanSeconds, unit: "s" });
    bench.record({ ...one, name: "makespan error", value: makespanError, unit: "share" });
    bench.record({ ...one, name: "mean action error", value: meanAbsActionError, unit: "share" });
    bench.record({ ...one, name: "weighted action error", value: weightedActionError, unit: "share" });
  }
}

export const twin: Suite = {
  describe: "simulated against executed, on workloads that the calibration has not seen",
  async run(bench) {
    for (const dtype of await acceptedDtypes()) await measure(bench, dtype);
  },
};
