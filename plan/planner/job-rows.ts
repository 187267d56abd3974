import { createRng } from "../../core/index.ts";
import type { Job, LengthData } from "../documents/workload.ts";

/** The training rows of a job as the planner needs them: lengths, and which rows each optimizer step takes. */
export interface JobRows {
  readonly tokens: ArrayLike<number>;
  readonly scored: ArrayLike<number>;
  /** sha256 of the rows' tokens and labels; null when only lengths are known. */
  readonly digest: string | null;
  /** Row indices of each optimizer step, batchSize each. */
  readonly steps: readonly (readonly number[])[];
}

export function isLengthData(data: Job["data"]): data is LengthData {
  return "lengths" in data;
}

function drawLengths(data: LengthData, seed: number): (index: number) => number {
  const { lengths } = data;
  if (typeof lengths === "number") return () => lengths;
  if (Array.isArray(lengths)) return (index) => lengths[index % lengths.length]!;
  const rng = createRng(`lengths ${seed}`);
  if (lengths.distribution === "uniform") return () => lengths.min + rng.nextInt(lengths.max - lengths.min + 1);
  const mu = Math.log(lengths.mean) - lengths.sigma ** 2 / 2;
  return () =>
    Math.min(lengths.max, Math.max(lengths.min, Math.round(Math.exp(mu + lengths.sigma * rng.nextNormal()))));
}

/** Number of optimizer steps: as given, or whole passes over the rows, the last one filled up from the next. */
export function stepCount(job: Pick<Job, "steps" | "epochs" | "batchSize">, numRows: number): number {
  return job.steps ?? Math.ceil((numRows * (job.epochs ?? 1)) / job.batchSize);
}

/** Rows of a job of which only lengths are known: drawn by the job's seed, taken in order. */
export function lengthRows(job: Job, data: LengthData): JobRows {
  const { lengths } = data;
  const draw = drawLengths(data, job.seed);
  const count = Array.isArray(lengths) ? Math.max(data.samples, lengths.length) : data.samples;
  const tokens = Array.from({ length: count }, (_, index) => Math.max(2, Math.min(draw(index), job.cutoffLength)));
  const steps = Array.from({ length: stepCount(job, count) }, (_, step) =>
    Array.from({ length: job.batchSize }, (_, i) => (step * job.batchSize + i) % count),
  );
  return { tokens, scored: tokens.map((length) => length - 1), digest: null, steps };
}

/** Tokens of all rows that a job takes in its steps. */
export function tokensOf(rows: JobRows, numSteps = rows.steps.length): number {
  let tokens = 0;
  for (let step = 0; step < numSteps; step += 1) for (const row of rows.steps[step]!) tokens += rows.tokens[row]!;
  return tokens;
}
