import type { OptimizerSpec, Projection } from "../../plan/index.ts";

/** Texts that curves are trained on: GSM8K's, or a field of an example's data. */
export const CURVE_DATA = {
  "gsm8k answers": { shared: "gsm8k-train.jsonl", field: "answer" },
  "gsm8k questions": { shared: "gsm8k-train.jsonl", field: "question" },
  arithmetic: { example: "arithmetic.jsonl", field: "output" },
  dates: { example: "dates.jsonl", field: "output" },
  units: { example: "unit-conversion.jsonl", field: "output" },
  "word problems": { example: "word-problems.jsonl", field: "answer" },
} as const;
export type CurveData = keyof typeof CURVE_DATA;

/** What a curve is made with. */
export interface CurveSetting {
  readonly data: CurveData;
  /** Iterations from one evaluation to the next. */
  readonly every: number;
  /** Rows that are trained on, again and again where they are few. */
  readonly rows: number;
  readonly iterations: number;
  readonly batchSize: number;
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly Projection[];
  readonly learningRate: number;
  readonly schedule?: NonNullable<OptimizerSpec["schedule"]>;
  /** The share of the tokens to predict that are random ones; those of held-out rows are not. */
  readonly labelNoise: number;
  readonly seed: number;
}

/** What a curve is meant to be like. Whether stopping it was right is told from the curve alone. */
export const FAMILIES = ["good", "plateaued", "diverging", "noisy", "long"] as const;
export type Family = (typeof FAMILIES)[number];

const BASE: Omit<CurveSetting, "data" | "seed"> = {
  every: 10,
  rows: 120,
  iterations: 200,
  batchSize: 4,
  rank: 8,
  alpha: 16,
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  learningRate: 3e-3,
  labelNoise: 0,
};

const DATA = Object.keys(CURVE_DATA) as readonly CurveData[];
const GSM8K = { rows: 1000 };
const cosine = { name: "cosine", warmupSteps: 20, minRatio: 0 } as const;
const linear = { name: "linear", warmupSteps: 0, minRatio: 0 } as const;
const stable = (decaySteps: number) =>
  ({ name: "warmup_stable_decay", warmupSteps: 20, minRatio: 0, decaySteps, decayType: "linear" }) as const;
const restarts = (cycles: number) => ({ name: "cosine_with_restarts", warmupSteps: 20, minRatio: 0, cycles }) as const;
/** A learning rate that rises until training bursts. */
const rising = (warmupSteps: number) => ({ name: "constant", warmupSteps, minRatio: 0 }) as const;

/** Settings that the data, in turn, are trained with: six of each would be one for every data. */
const VARIED: Readonly<Record<Family, readonly Partial<CurveSetting>[]>> = {
  good: [
    { learningRate: 1e-3 },
    { learningRate: 2e-3, batchSize: 6 },
    { learningRate: 3e-3 },
    { learningRate: 5e-3, rank: 16, alpha: 32 },
    { learningRate: 3e-3, rank: 4, iterations: 150 },
    { learningRate: 1e-3, rank: 16, batchSize: 6 },
    { learningRate: 1e-2, schedule: cosine },
    { learningRate: 5e-3, schedule: cosine, iterations: 150 },
    { learningRate: 5e-3, schedule: linear },
    { learningRate: 3e-4, batchSize: 6 },
    { learningRate: 3e-3, targets: ["q_proj", "v_proj"] },
  ],
  plateaued: [
    { learningRate: 1e-6 },
    { learningRate: 1e-5 },
    { learningRate: 3e-5, targets: ["q_proj", "v_proj"] },
    { learningRate: 1e-2, rows: 16 },
    { learningRate: 5e-3, rows: 8, rank: 16 },
    { learningRate: 1e-2, rows: 32, iterations: 300 },
    { learningRate: 1e-2, rank: 1, targets: ["v_proj"] },
    { learningRate: 2e-2, rank: 2, targets: ["q_proj"] },
    { learningRate: 1e-2, rank: 1, targets: ["o_proj"], iterations: 300 },
  ],
  diverging: [
    { learningRate: 0.1 },
    { learningRate: 0.3 },
    { learningRate: 1 },
    { learningRate: 0.05, alpha: 128 },
    { learningRate: 0.1, schedule: rising(120) },
    { learningRate: 0.3, schedule: rising(200) },
    { learningRate: 0.05, schedule: rising(120), batchSize: 1 },
    { learningRate: 30 },
  ],
  noisy: [
    { batchSize: 1, learningRate: 1e-3, iterations: 400 },
    { batchSize: 1, learningRate: 3e-3 },
    { batchSize: 1, learningRate: 1e-2 },
    { batchSize: 2, learningRate: 2e-3, labelNoise: 0.2 },
    { learningRate: 3e-3, labelNoise: 0.5 },
    { learningRate: 3e-3, labelNoise: 1 },
    { batchSize: 1, learningRate: 3e-4, iterations: 400 },
    { batchSize: 2, learningRate: 1e-5 },
  ],
  long: [
    { iterations: 1000, every: 20, learningRate: 1e-3 },
    { iterations: 2000, every: 50, learningRate: 1e-3, batchSize: 2 },
    { iterations: 3000, every: 100, learningRate: 3e-4, batchSize: 2 },
    { iterations: 1500, every: 25, learningRate: 5e-3, schedule: { ...cosine, warmupSteps: 100 } },
    { iterations: 800, every: 100, learningRate: 3e-3, schedule: cosine },
    { iterations: 1000, every: 50, learningRate: 3e-3, schedule: stable(200) },
    { iterations: 2000, every: 40, learningRate: 5e-3, schedule: stable(300), batchSize: 2 },
    { iterations: 900, every: 30, learningRate: 5e-3, schedule: restarts(3) },
    { iterations: 1600, every: 40, learningRate: 3e-3, schedule: restarts(4), batchSize: 2 },
    { iterations: 1200, every: 60, learningRate: 3e-3, schedule: linear },
    { iterations: 1000, every: 20, learningRate: 5e-3, rows: 16 },
    { iterations: 1000, every: 25, learningRate: 1e-6 },
    { iterations: 1500, every: 150, learningRate: 1e-2, rank: 1, targets: ["v_proj"] },
    { iterations: 600, every: 20, learningRate: 0.1, schedule: rising(200) },
    { iterations: 1500, every: 30, learningRate: 1e-3, batchSize: 1 },
    { iterations: 1000, every: 20, learningRate: 2e-3, batchSize: 1, labelNoise: 0.3 },
  ],
};

/** Each setting with two data, so that no setting has always the same and none has always the same setting. */
function settingsOf(family: Family): readonly CurveSetting[] {
  return VARIED[family].flatMap((varied, index) =>
    [0, 1].map((turn) => {
      const data = DATA[(index + 3 * turn + FAMILIES.indexOf(family)) % DATA.length]!;
      const ofData = data.startsWith("gsm8k") ? GSM8K : {};
      return { ...BASE, ...ofData, ...varied, data, seed: 10 * index + turn + 1 };
    }),
  );
}

/** All curves that are made: name, family and setting. */
export const CURVE_SETTINGS: readonly {
  readonly name: string;
  readonly family: Family;
  readonly setting: CurveSetting;
}[] = FAMILIES.flatMap((family) =>
  settingsOf(family).map((setting, index) => ({ name: `${family}-${index + 1}`, family, setting })),
);
