import { writeFileSync } from "node:fs";
import path from "node:path";
import { createRng, type Rng } from "../core/index.ts";
import { type Projection, UNFUSED_PROJECTIONS } from "../plan/index.ts";
import { DTYPES, drawSizes, FAMILIES, type PeersDtype } from "./cases.ts";

interface TokenRow {
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
}

/** A job as a workload has it, its files beside the workload. */
interface DrawnJob {
  readonly name: string;
  readonly adapter: {
    readonly rank: number;
    readonly alpha: number;
    readonly targets: readonly Projection[];
    readonly init: string;
  };
  readonly batchSize: number;
  readonly steps: number;
  readonly optimizer: {
    readonly learningRate: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weightDecay: number;
    readonly maxGradNorm?: number;
  };
  readonly evaluation: {
    readonly data: { readonly path: string; readonly format: "tokens" };
    readonly everySteps: number;
  };
  readonly data: { readonly path: string; readonly format: "tokens" };
}

/** Everything of a case but its weights, which `draw.py` makes of `config` and `seed`. */
export interface DrawnCase {
  readonly name: string;
  readonly dtype: PeersDtype;
  readonly seed: number;
  readonly config: Readonly<Record<string, unknown>>;
  readonly jobs: readonly DrawnJob[];
  /** By file name. */
  readonly rows: Readonly<Record<string, readonly TokenRow[]>>;
}

/** Tokens of a row; of fewer, queries and keys may have no gradient at all, which nothing can be compared with. */
const SHORTEST = 4;
const LONGEST = 40;
const STEPS = 5;

const NAMES = ["all", "second", "third"] as const;

function drawRow(rng: Rng, vocabulary: number, isScored: boolean): TokenRow {
  const length = SHORTEST + rng.nextInt(LONGEST - SHORTEST + 1);
  const ids = Array.from({ length }, () => rng.nextInt(vocabulary));
  // The first label counts nowhere, whatever it is, and the last is scored, so that something is.
  const labels = ids.map((id, t) => (isScored && (t === length - 1 || rng.nextInt(3) > 0) ? id : -100));
  return { input_ids: ids, labels };
}

function drawTargets(rng: Rng): readonly Projection[] {
  const some = UNFUSED_PROJECTIONS.filter(() => rng.nextInt(2) === 0);
  return some.length > 0 ? some : [UNFUSED_PROJECTIONS[rng.nextInt(UNFUSED_PROJECTIONS.length)]!];
}

function drawJob(rng: Rng, name: string): DrawnJob {
  const rank = 1 + rng.nextInt(12);
  return {
    name,
    adapter: {
      rank,
      alpha: 1 + rng.nextInt(2 * rank),
      targets: name === "all" ? UNFUSED_PROJECTIONS : drawTargets(rng),
      init: `init/${name}`,
    },
    batchSize: 1 + rng.nextInt(5),
    steps: STEPS,
    optimizer: {
      learningRate: 10 ** (-3 + rng.nextFloat()),
      betas: rng.nextInt(2) === 0 ? [0.9, 0.999] : [0.8, 0.95],
      // AdamW's first step is the gradient's sign where that is above eps: with the usual 1e-8 an element that is zero but
      // for rounding would go up here and down there.
      eps: 10 ** (-4 + rng.nextFloat()),
      weightDecay: rng.nextInt(2) === 0 ? 0 : 0.1,
      ...(rng.nextInt(2) === 0 ? {} : { maxGradNorm: 0.5 }),
    },
    data: { path: `${name}.jsonl`, format: "tokens" },
    evaluation: { data: { path: `${name}-held-out.jsonl`, format: "tokens" }, everySteps: STEPS },
  };
}

function drawCase(family: string, dtype: PeersDtype, seed: number): DrawnCase {
  const name = `${family}, ${dtype}`;
  const rng = createRng(`${seed}: ${name}`);
  const sizes = drawSizes(rng);
  const jobs = NAMES.map((job) => drawJob(rng, job));
  const draw = (count: number, isScored: (index: number) => boolean): readonly TokenRow[] =>
    Array.from({ length: count }, (_, index) => drawRow(rng, sizes.vocabulary, isScored(index)));
  const rows = jobs.flatMap(({ data, evaluation, batchSize }) => [
    // The second row of a mini-batch may have nothing to score.
    [data.path, draw(batchSize * STEPS, (index) => index % batchSize !== 1 || rng.nextInt(4) > 0)] as const,
    [evaluation.data.path, draw(6, () => true)] as const,
  ]);
  return {
    name,
    dtype,
    seed: rng.nextUint32(),
    config: FAMILIES[family]!.config(sizes, LONGEST),
    jobs,
    rows: Object.fromEntries(rows),
  };
}

/** All cases of a seed; each is drawn from its own name, so that it is the same whichever others there are. */
export function drawCases(seed: number): readonly DrawnCase[] {
  return Object.keys(FAMILIES).flatMap((family) => DTYPES.map((dtype) => drawCase(family, dtype, seed)));
}

/** Writes the rows, and the workload that trains all jobs; returns the latter's path. */
export function writeCase({ dtype, jobs, rows }: DrawnCase, folder: string): string {
  for (const [name, lines] of Object.entries(rows))
    writeFileSync(path.join(folder, name), lines.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const workload = path.join(folder, "workload.json");
  writeFileSync(
    workload,
    JSON.stringify({ kind: "workload", version: 1, model: { path: "model", dtype }, jobs }, null, 1),
  );
  return workload;
}
