import { type Architecture, PROJECTIONS, type Projection } from "./documents/architecture.ts";
import type { Buffers, PlannedJob, Stage } from "./documents/plan.ts";
import type { Recompute } from "./documents/workload.ts";

/** Tensors of fp32 in the arena start at multiples of this. */
const ALIGNMENT = 64;
const FLOAT = 4;
/** Rows of the logits' tile, and the most bytes that it may take. */
const HEAD_TILE_ROWS = 256;
const HEAD_TILE_BYTES = 64 * 2 ** 20;

/** What a stage's activation memory follows from. */
export interface LayoutInput {
  readonly architecture: Architecture;
  readonly stage: Stage;
  readonly jobs: readonly Pick<PlannedJob, "adapter">[];
  readonly recompute: Recompute;
  /** The most tokens of a micro-batch, and of a sequence. */
  readonly maxTokens: number;
  readonly maxSequence: number;
  readonly threads: number;
}

/** Where a tensor lies: a byte offset in the micro-batch's slot (`stash`) or in the stage's workspace. */
export interface Place {
  readonly space: "stash" | "work";
  readonly offset: number;
}

/** A layer's tensors from its input to gate and up. With recomputation all layers share those in the workspace. */
export interface LayerTensors {
  /** [T, hidden]: the layer's input, always kept. */
  readonly x: Place;
  readonly rstd1: Place;
  /** [T, (heads + 2 kvHeads) headDim], q and k rotated. */
  readonly qkv: Place;
  /** [T, heads headDim] and [T, heads]. */
  readonly attention: Place;
  readonly lse: Place;
  /** [T, hidden]: after the attention's residual. */
  readonly mid: Place;
  readonly rstd2: Place;
  /** [T, 2 intermediate] */
  readonly gateUp: Place;
  /** [T, rank columns]: x A^T of each targeted projection; that of `down_proj` is always kept. */
  readonly shrunk: Readonly<Partial<Record<Projection, Place>>>;
}

export interface StageLayout {
  readonly layers: readonly LayerTensors[];
  /** The last stage's: the final norm's input, its rstd, and the gradient that the loss leaves for the backward. */
  readonly final: { readonly x: Place; readonly rstd: Place; readonly gradient: Place } | undefined;
  /** Columns of the shrunk tensors: the largest rank among the jobs that target the projection. */
  readonly shrunkColumns: Readonly<Partial<Record<Projection, number>>>;
  readonly slotBytes: number;
  readonly forward: {
    readonly normed: Place;
    readonly inner: Place;
    readonly attentionScratch: Place;
    readonly logits: Place;
  };
  readonly backward: {
    readonly gradientA: Place;
    readonly gradientB: Place;
    /** The input of q, k and v, and of gate and up; one place where they are computed when they are needed. */
    readonly normed: { readonly attention: Place; readonly mlp: Place };
    readonly normedGradient: Place;
    readonly inner: Place;
    readonly innerGradient: Place;
    readonly gateUpGradient: Place;
    readonly qkvGradient: Place;
    readonly attentionGradient: Place;
    readonly attentionScratch: Place;
    readonly loraScratch: Place;
  };
  readonly headTileRows: number;
  readonly workBytes: number;
  /** One buffer of a message between stages: [T, hidden]. */
  readonly messageBytes: number;
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

interface Region {
  take(bytes: number): Place;
  readonly used: () => number;
}

/** Hands out aligned, consecutive ranges of a space from `start` on. */
function regionOf(space: Place["space"], start = 0): Region {
  let used = start;
  return {
    take(bytes) {
      const offset = used;
      used += align(bytes);
      return { space, offset };
    },
    used: () => used,
  };
}

/** Scratch of `attention` and `attentionBackward`, as native/src/ops/attention.h states it. */
export function attentionScratchBytes(
  threads: number,
  maxSequence: number,
  headDim: number,
  backward: boolean,
): number {
  const rows = Math.ceil(maxSequence / 2) * 2;
  const width = Math.ceil(headDim / 2) * 2;
  const keys = Math.min(rows, 256);
  const floats = backward
    ? 4 * rows * width + 64 * (5 * width + 3 * keys)
    : 2 * rows * width + 64 * (2 * width + keys);
  return threads * Math.ceil(floats / 16) * 16 * FLOAT;
}

/** Scratch of `loraBackward` (native/src/ops/lora.h). */
export function loraScratchBytes(rows: number, maxRank: number): number {
  return rows * Math.ceil(maxRank / 16) * 16 * FLOAT;
}

/** Scratch of `headLoss` (native/src/ops/head_loss.h). */
export function headScratchBytes(tileRows: number, hidden: number, vocabulary: number): number {
  return (
    align(tileRows * vocabulary * 4) + 2 * align(tileRows * hidden * 4) + align(tileRows * 8) + 2 * align(tileRows * 4)
  );
}

function shrunkColumnsOf(jobs: LayoutInput["jobs"]): StageLayout["shrunkColumns"] {
  const columns: Partial<Record<Projection, number>> = {};
  for (const projection of PROJECTIONS) {
    const ranks = jobs.filter((job) => job.adapter.targets.includes(projection)).map((job) => job.adapter.rank);
    if (ranks.length > 0) columns[projection] = Math.max(...ranks);
  }
  return columns;
}

/** Where every activation of a stage lies: the memory model adds it up and the executor uses it as it is. */
export function stageLayout(input: LayoutInput): StageLayout {
  const { architecture: arch, stage, jobs, recompute, maxTokens: rows, maxSequence, threads } = input;
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim, vocabularySize } = arch;
  const matrix = (columns: number): number => rows * columns * FLOAT;
  const qkvBytes = matrix((numHeads + 2 * numKvHeads) * headDim);
  const shrunkColumns = shrunkColumnsOf(jobs);
  const slot = regionOf("stash");
  const rebuilt = regionOf("work");

  const takeBody = (region: Region) => ({
    rstd1: region.take(matrix(1)),
    qkv: region.take(qkvBytes),
    attention: region.take(matrix(numHeads * headDim)),
    lse: region.take(matrix(numHeads)),
    mid: region.take(matrix(hidden)),
    rstd2: region.take(matrix(1)),
    gateUp: region.take(matrix(2 * inner)),
  });
  const takeShrunk = (region: Region, projections: readonly Projection[]): LayerTensors["shrunk"] =>
    Object.fromEntries(
      projections.flatMap((projection) => {
        const columns = shrunkColumns[projection];
        return columns === undefined ? [] : [[projection, region.take(matrix(columns))]];
      }),
    );
  const beforeDown = PROJECTIONS.filter((projection) => projection !== "down_proj");
  const shared =
    recompute === "layer" ? { body: takeBody(rebuilt), shrunk: takeShrunk(rebuilt, beforeDown) } : undefined;
  const layers = Array.from({ length: stage.endLayer - stage.firstLayer }, (): LayerTensors => {
    const x = slot.take(matrix(hidden));
    const body = shared?.body ?? takeBody(slot);
    const shrunk = shared?.shrunk ?? takeShrunk(slot, beforeDown);
    return { x, ...body, shrunk: { ...shrunk, ...takeShrunk(slot, ["down_proj"]) } };
  });
  const final = stage.head
    ? { x: slot.take(matrix(hidden)), rstd: slot.take(matrix(1)), gradient: slot.take(matrix(hidden)) }
    : undefined;
  const headTileRows = Math.max(
    1,
    Math.min(HEAD_TILE_ROWS, rows, Math.floor(HEAD_TILE_BYTES / (vocabularySize * FLOAT))),
  );
  const forwardWork = regionOf("work", rebuilt.used());
  const forwardScratch = attentionScratchBytes(threads, maxSequence, headDim, false);
  const forward = {
    normed: forwardWork.take(matrix(hidden)),
    inner: forwardWork.take(matrix(inner)),
    attentionScratch: forwardWork.take(forwardScratch),
    logits: forwardWork.take(stage.head ? headScratchBytes(headTileRows, hidden, vocabularySize) : 0),
  };
  const backwardWork = regionOf("work", rebuilt.used());
  const backwardScratch = attentionScratchBytes(threads, maxSequence, headDim, true);
  const normed = backwardWork.take(matrix(hidden));
  const backward = {
    normed: { attention: normed, mlp: recompute === "layer" ? backwardWork.take(matrix(hidden)) : normed },
    gradientA: backwardWork.take(matrix(hidden)),
    gradientB: backwardWork.take(matrix(hidden)),
    normedGradient: backwardWork.take(matrix(hidden)),
    inner: backwardWork.take(matrix(inner)),
    innerGradient: backwardWork.take(matrix(inner)),
    gateUpGradient: backwardWork.take(matrix(2 * inner)),
    qkvGradient: backwardWork.take(qkvBytes),
    attentionGradient: backwardWork.take(matrix(numHeads * headDim)),
    attentionScratch: backwardWork.take(
      recompute === "layer" ? Math.max(forwardScratch, backwardScratch) : backwardScratch,
    ),
    loraScratch: backwardWork.take(loraScratchBytes(rows, Math.max(0, ...Object.values(shrunkColumns)))),
  };
  return {
    layers,
    final,
    shrunkColumns,
    slotBytes: slot.used(),
    forward,
    backward,
    headTileRows,
    workBytes: Math.max(forwardWork.used(), backwardWork.used()),
    messageBytes: align(matrix(hidden)),
  };
}

/** Byte offsets of the parts of a device's arena: activation slots, message buffers, workspace. */
export interface ArenaLayout {
  readonly slot: (index: number) => number;
  readonly buffer: (kind: keyof Buffers, index: number) => number;
  readonly work: number;
  readonly bytes: number;
}

export function arenaLayout(layout: StageLayout, numSlots: number, buffers: Buffers): ArenaLayout {
  const order = ["activationIn", "activationOut", "gradientIn", "gradientOut"] as const;
  const starts: Partial<Record<keyof Buffers, number>> = {};
  let next = numSlots * layout.slotBytes;
  for (const kind of order) {
    starts[kind] = next;
    next += buffers[kind] * layout.messageBytes;
  }
  return {
    slot: (index) => index * layout.slotBytes,
    buffer: (kind, index) => starts[kind]! + index * layout.messageBytes,
    work: next,
    bytes: next + layout.workBytes,
  };
}
