import { writeFileSync } from "node:fs";
import path from "node:path";
import { createRng, type Rng } from "../core/index.ts";
import { type Architecture, architectureFromConfig, huggingFaceConfigSchema } from "../plan/index.ts";
import { DTYPES, drawModel, FAMILIES, type PeersDtype } from "./cases.ts";
import { type DrawnAdapter, drawAdapter } from "./draw-adapter.ts";
import {
  type AnswersRow,
  type DrawnLoss,
  drawAnswers,
  drawCut,
  drawLoss,
  LOSSES,
  type LossKind,
} from "./draw-answers.ts";
import { fraction, isOn, type Keys, LAYOUTS, type Layout, maybe, oneOf, ropeKeys } from "./draw-rope.ts";
import { MIXTURES } from "./mixtures.ts";

interface TokenRow {
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
}

interface DrawnData {
  readonly path: string;
  readonly format: "tokens";
}

export type DrawnRow = TokenRow | AnswersRow;

/** A job as a workload has it, its files beside the workload. */
interface DrawnJob {
  readonly name: string;
  readonly adapter: DrawnAdapter & { readonly init: string };
  readonly loss?: DrawnLoss;
  readonly cutoffLength?: number;
  readonly batchSize: number;
  readonly microBatchSize?: number;
  readonly steps: number;
  readonly optimizer: {
    readonly learningRate: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weightDecay: number;
    readonly maxGradNorm?: number;
    readonly loraPlusRatio?: number;
  };
  readonly evaluation: { readonly data: DrawnData; readonly everySteps: number };
  readonly data: DrawnData;
}

/** Everything of a case but its weights, which `draw.py` makes of `config` and `seed`. */
export interface DrawnCase {
  readonly name: string;
  readonly dtype: PeersDtype;
  readonly seed: number;
  /** In the layout's keys; what transformers saves of it where that is `saved`. */
  readonly config: Keys;
  readonly layout: Layout;
  readonly jobs: readonly DrawnJob[];
  /** By file name. */
  readonly rows: Readonly<Record<string, readonly DrawnRow[]>>;
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

function drawOptimizer(rng: Rng): DrawnJob["optimizer"] {
  const ratio = rng.nextInt(3) === 0 ? { loraPlusRatio: oneOf(rng, [2, fraction(rng, 0.5, 5)]) } : {};
  return {
    // B's rate is then no larger than those without a ratio: otherwise five steps would make much of rounding.
    learningRate: 10 ** (-3 + rng.nextFloat()) / Math.max(1, ratio.loraPlusRatio ?? 1),
    betas: rng.nextInt(2) === 0 ? [0.9, 0.999] : [0.8, 0.95],
    // AdamW's first step is the gradient's sign where that is above eps: with the usual 1e-8 an element that is zero but
    // for rounding would go up here and down there.
    eps: 10 ** (-4 + rng.nextFloat()),
    weightDecay: rng.nextInt(2) === 0 ? 0 : 0.1,
    ...(rng.nextInt(2) === 0 ? {} : { maxGradNorm: 0.5 }),
    ...ratio,
  };
}

function drawJob(rng: Rng, name: string, arch: Architecture, loss?: DrawnLoss): DrawnJob {
  const { cutoffLength, ...cut } = loss === undefined ? {} : drawCut(rng, loss);
  const batchSize = (loss?.kind === "kto" ? 2 : 1) + rng.nextInt(4);
  return {
    name,
    adapter: { ...drawAdapter(rng, arch, name === "all", loss === undefined), init: `init/${name}` },
    ...(loss === undefined ? {} : { loss: { ...loss, ...cut } }),
    ...(cutoffLength === undefined ? {} : { cutoffLength }),
    batchSize,
    ...(loss === undefined ? {} : maybe(rng, "microBatchSize", [1, batchSize])),
    steps: STEPS,
    optimizer: drawOptimizer(rng),
    data: { path: `${name}.jsonl`, format: "tokens" },
    evaluation: { data: { path: `${name}-held-out.jsonl`, format: "tokens" }, everySteps: STEPS },
  };
}

function drawRows(
  rng: Rng,
  { loss, batchSize }: DrawnJob,
  vocabulary: number,
): readonly [trained: readonly DrawnRow[], heldOut: readonly DrawnRow[]] {
  const draw = (count: number, isScored: (index: number) => boolean) =>
    Array.from({ length: count }, (_, at) =>
      loss === undefined ? drawRow(rng, vocabulary, isScored(at)) : drawAnswers(rng, loss, vocabulary),
    );
  // The second row of a mini-batch may have nothing to score.
  return [draw(batchSize * STEPS, (at) => at % batchSize !== 1 || rng.nextInt(4) > 0), draw(6, () => true)];
}

/** transformers has a model_type of its own for these, and saves that. */
const NEVER_SAVED = ["mistral, layer types"];

/** What a case is of: a family, or a loss that compares answers on some family. */
type Subject = { readonly family: string } | { readonly loss: LossKind };

/**
 * Losses that compare answers with those of the base are refused on mixtures. In bfloat16 a router's choice of one token
 * may move a pair's loss by more than all rounding does, so the others have none there either.
 */
function familyOf(rng: Rng, subject: Subject, dtype: PeersDtype): string {
  if ("family" in subject) return subject.family;
  const hasReference = subject.loss === "dpo" || subject.loss === "kto";
  const isLeftOut = (family: string): boolean =>
    ((hasReference || dtype === "bfloat16") && Object.hasOwn(MIXTURES, family)) ||
    // The trainers of these losses do not find its layers.
    (hasReference && family === "llama4_text");
  return oneOf(
    rng,
    Object.keys(FAMILIES).filter((family) => !isLeftOut(family)),
  );
}

function drawCase(subject: Subject, dtype: PeersDtype, seed: number, index: number): DrawnCase {
  const name = `${"family" in subject ? subject.family : subject.loss} ${index + 1}, ${dtype}`;
  const rng = createRng(`${seed}: ${name}`);
  const turn = (seed % 60) + index + DTYPES.indexOf(dtype);
  const family = familyOf(rng, subject, dtype);
  const { keys, rope, sizes } = drawModel(family, rng, LONGEST, turn);
  const layout = oneOf(rng, NEVER_SAVED.includes(family) ? LAYOUTS.slice(0, 2) : LAYOUTS);
  const config = {
    ...keys,
    ...ropeKeys(rope, layout, isOn(rng) && family !== "gemma3_text"),
    [layout === "4" ? "torch_dtype" : "dtype"]: dtype,
  };
  const arch = readDrawn(config);
  const jobs = NAMES.map((job, at) => {
    // Jobs that compare answers share micro-batches with others.
    const isCompared = "loss" in subject && (at < 2 || rng.nextInt(3) > 0);
    return drawJob(rng, job, arch, isCompared ? drawLoss(rng, subject.loss, NAMES.length * turn + at) : undefined);
  });
  const rows = jobs.flatMap((job) => {
    const [trained, heldOut] = drawRows(rng, job, sizes.vocabulary);
    return [[job.data.path, trained] as const, [job.evaluation.data.path, heldOut] as const];
  });
  return { name, dtype, seed: rng.nextUint32(), config, layout, jobs, rows: Object.fromEntries(rows) };
}

/** The architecture that loratwin reads of a drawn configuration. */
export function readDrawn(config: Keys): Architecture {
  return architectureFromConfig(huggingFaceConfigSchema.parse(JSON.parse(JSON.stringify(config))));
}

/** Whether an adapter has rows that the embedding and the head share. */
export function hasSharedRows({ config, jobs }: DrawnCase): boolean {
  return readDrawn(config).tiedEmbeddings && jobs.some(({ adapter }) => adapter.trainableTokens !== undefined);
}

/** All cases of a seed; each is drawn from its own name, so that it is the same whichever others there are. */
export function drawCases(seed: number, ofEach = 1): readonly DrawnCase[] {
  const subjects: readonly Subject[] = [
    ...Object.keys(FAMILIES).map((family) => ({ family })),
    ...LOSSES.map((loss) => ({ loss })),
  ];
  return subjects.flatMap((subject) =>
    DTYPES.flatMap((dtype) => Array.from({ length: ofEach }, (_, index) => drawCase(subject, dtype, seed, index))),
  );
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
