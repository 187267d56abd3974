import { type ComputeDtype, type Projection, UNFUSED_PROJECTIONS } from "../plan/index.ts";
import type { Scale } from "./suite.ts";
import { ATTENTION_TARGETS, type JobShape, type ModelShape, type PlanShape } from "./workload.ts";

/** Workloads of one model and dtype, and whose sizes the calibration measures that predicts them all. */
export interface TwinFamily {
  readonly name: "wide" | "deep";
  readonly dtype: ComputeDtype;
  readonly calibration: readonly PlanShape[];
  readonly workloads: Readonly<Record<string, PlanShape>>;
}

interface Sizes {
  readonly wide: ModelShape;
  /** Of another width and depth, with grouped queries. */
  readonly deep: ModelShape;
  readonly min: number;
  readonly max: number;
  readonly steps: number;
}

const FULL: Sizes = {
  wide: { hidden: 384, layers: 6, heads: 6, kvHeads: 6, intermediate: 1024, vocabulary: 8000 },
  deep: { hidden: 256, layers: 8, heads: 8, kvHeads: 2, intermediate: 688, vocabulary: 4096 },
  min: 32,
  max: 256,
  steps: 16,
};

const SIZES: Readonly<Record<Scale, Sizes>> = {
  full: FULL,
  default: { ...FULL, max: 128, steps: 8 },
  quick: {
    wide: { hidden: 256, layers: 4, heads: 4, kvHeads: 4, intermediate: 688, vocabulary: 4096 },
    deep: { hidden: 192, layers: 6, heads: 6, kvHeads: 2, intermediate: 512, vocabulary: 2048 },
    min: 32,
    max: 256,
    steps: 8,
  },
  tiny: {
    wide: { hidden: 64, layers: 2, heads: 4, kvHeads: 2, intermediate: 128, vocabulary: 128 },
    deep: { hidden: 32, layers: 4, heads: 4, kvHeads: 2, intermediate: 96, vocabulary: 96 },
    min: 8,
    max: 24,
    steps: 4,
  },
};

const ONE = [1];
const TWO = [1, 1];

/**
 * The ends of the range that the workloads stay in, in ranks, lengths and sizes, and both sets of targets:
 * micro-batches of two short rows of one adapter, up to a row of each of eight.
 */
function calibrationShapes(model: ModelShape, dtype: ComputeDtype, { min, max }: Sizes): readonly PlanShape[] {
  const length = { distribution: "uniform", min, max } as const;
  const shape = { model, dtype, devices: TWO };
  const jobsOf = (
    ranks: readonly number[],
    targets: readonly Projection[],
    microBatchSize: number,
  ): readonly JobShape[] =>
    ranks.map((rank) => ({ rank, targets, batchSize: 2 * microBatchSize, microBatchSize, length, steps: 8 }));
  return [
    { ...shape, jobs: jobsOf([4, 20, 32, 64], ATTENTION_TARGETS, 2), groups: 4 },
    { ...shape, jobs: jobsOf([4, 10, 40, 64], UNFUSED_PROJECTIONS, 2), groups: 4 },
    { ...shape, jobs: jobsOf([4, 32, 10, 64, 20, 16, 6, 48], UNFUSED_PROJECTIONS, 1), groups: 1 },
  ];
}

/** Other lengths, ranks, targets, batches, groups and schedules than those measured. */
function workloads(model: ModelShape, dtype: ComputeDtype, sizes: Sizes): Readonly<Record<string, PlanShape>> {
  const { min, max, steps } = sizes;
  const middle = Math.round((min + max) / 2);
  const job: JobShape = { rank: 8, targets: ATTENTION_TARGETS, batchSize: 4, microBatchSize: 2, length: middle, steps };
  const drawn = { distribution: "lognormal", mean: middle, sigma: 0.5, min, max } as const;
  const jobsOf = (ranks: readonly number[], more: Partial<JobShape>): readonly JobShape[] =>
    ranks.map((rank) => ({ ...job, rank, ...more }));
  const shape = { model, dtype };
  const eight = [8, 24, 48, 12, 64, 4, 16, 32];
  return {
    "1 device, 1 adapter": { ...shape, devices: ONE, jobs: jobsOf([4], { steps: 2 * steps }) },
    "1 device, 8 adapters fused, all projections": {
      ...shape,
      devices: ONE,
      jobs: jobsOf(eight, {
        microBatchSize: 1,
        batchSize: 2,
        targets: UNFUSED_PROJECTIONS,
        length: drawn,
        steps: steps / 2,
      }),
      groups: 1,
    },
    "1 device, 4 adapters one after another": {
      ...shape,
      devices: ONE,
      jobs: jobsOf([24, 8, 48, 12], { length: drawn, steps: steps / 2 }),
      schedule: "sequential",
    },
    "2 devices, 2 jobs of one length": { ...shape, devices: TWO, jobs: jobsOf([8, 8], {}) },
    "2 devices, 4 jobs of mixed ranks, drawn lengths": {
      ...shape,
      devices: TWO,
      jobs: jobsOf([8, 24, 48, 12], { length: drawn, steps: steps / 2 }),
    },
    "2 devices, 8 adapters in 2 groups, very unequal lengths": {
      ...shape,
      devices: TWO,
      jobs: eight.map((rank, index) => ({
        ...job,
        rank,
        microBatchSize: 1,
        batchSize: 2,
        length: index % 2 === 0 ? min : max,
        steps: steps / 2,
      })),
      groups: 2,
    },
    "2 devices, 2 jobs, 1f1b": {
      ...shape,
      devices: TWO,
      jobs: [...jobsOf([16], {}), ...jobsOf([32], { length: drawn })],
      schedule: "1f1b",
    },
    "2 devices, 4 jobs in 2 groups, recomputed layers": {
      ...shape,
      devices: TWO,
      jobs: jobsOf([8, 24, 48, 12], {
        microBatchSize: 1,
        length: drawn,
        targets: UNFUSED_PROJECTIONS,
        steps: steps / 2,
      }),
      groups: 2,
      recompute: "layer",
    },
  };
}

/** Two model shapes, each in every dtype given. */
export function twinFamilies(scale: Scale, dtypes: readonly ComputeDtype[]): readonly TwinFamily[] {
  const sizes = SIZES[scale];
  return dtypes.flatMap((dtype) =>
    (["wide", "deep"] as const).map((name) => ({
      name,
      dtype,
      calibration: calibrationShapes(sizes[name], dtype, sizes),
      workloads: workloads(sizes[name], dtype, sizes),
    })),
  );
}
