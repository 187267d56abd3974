import { type Architecture, PROJECTIONS, type Projection } from "./documents/architecture.ts";
import type { Buffers, PlannedJob, Stage } from "./documents/plan.ts";

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
  /** The most tokens of a micro-batch, and of a sequence. */
  readonly maxTokens: number;
  readonly maxSequence: number;
  readonly threads: number;
}

/** Byte offsets inside an activation slot. */
export interface LayerStash {
  /** [T, hidden]: the layer's input. */
  readonly x: number;
  readonly rstd1: number;
  /** [T, (heads + 2 kvHeads) headDim], q and k rotated. */
  readonly qkv: number;
  /** [T, heads headDim] and [T, heads]. */
  readonly attention: number;
  readonly lse: number;
  /** [T, hidden]: after the attention's residual. */
  readonly mid: number;
  readonly rstd2: number;
  /** [T, 2 intermediate] */
  readonly gateUp: number;
  /** [T, rank columns]: x A^T of each targeted projection. */
  readonly shrunk: Readonly<Partial<Record<Projection, number>>>;
}

export interface StageLayout {
  readonly layers: readonly LayerStash[];
  /** The last stage's: the final norm's input, its rstd, and the gradient that the loss leaves for the backward. */
  readonly final: { readonly x: number; readonly rstd: number; readonly gradient: number } | undefined;
  /** Columns of the shrunk tensors: the largest rank among the jobs that target the projection. */
  readonly shrunkColumns: Readonly<Partial<Record<Projection, number>>>;
  readonly slotBytes: number;
  readonly forward: {
    readonly normed: number;
    readonly inner: number;
    readonly attentionScratch: number;
    readonly logits: number;
  };
  readonly backward: {
    readonly gradientA: number;
    readonly gradientB: number;
    readonly normed: number;
    readonly normedGradient: number;
    readonly inner: number;
    readonly innerGradient: number;
    readonly gateUpGradient: number;
    readonly qkvGradient: number;
    readonly attentionGradient: number;
    readonly attentionScratch: number;
    readonly loraScratch: number;
  };
  readonly headTileRows: number;
  readonly workBytes: number;
  /** One buffer of a message between stages: [T, hidden]. */
  readonly messageBytes: number;
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Hands out aligned, consecutive ranges. */
function allocator(): { take(bytes: number): number; readonly used: () => number } {
  let used = 0;
  return {
    take(bytes) {
      const offset = used;
      used += align(bytes);
      return offset;
    },
    used: () => used,
  };
}

/** Row stride of an attention score tile (native/src/ops/attention.h). */
function tileStride(maxSequence: number): number {
  return Math.ceil(maxSequence / 32) * 32 + 16;
}

/** Scratch of `attention` and `attentionBackward`, as native/src/ops/attention.h states it. */
export function attentionScratchBytes(
  threads: number,
  maxSequence: number,
  headDim: number,
  backward: boolean,
): number {
  const stride = tileStride(maxSequence);
  const floats = backward
    ? 2 * headDim * stride + maxSequence * headDim + 128 * stride + 128 * headDim
    : headDim * stride + maxSequence * headDim + 64 * stride;
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

/** Where every activation of a stage lies: the memory model adds it up and the executor uses it as it is. */
export function stageLayout(input: LayoutInput): StageLayout {
  const { architecture: arch, stage, jobs, maxTokens: rows, maxSequence, threads } = input;
  const { hiddenSize: hidden, intermediateSize: inner, numHeads, numKvHeads, headDim, vocabularySize } = arch;
  const matrix = (columns: number): number => rows * columns * FLOAT;
  const shrunkColumns: Partial<Record<Projection, number>> = {};
  for (const projection of PROJECTIONS) {
    const ranks = jobs.filter((job) => job.adapter.targets.includes(projection)).map((job) => job.adapter.rank);
    if (ranks.length > 0) shrunkColumns[projection] = Math.max(...ranks);
  }
  const slot = allocator();
  const layers: LayerStash[] = [];
  for (let layer = stage.firstLayer; layer < stage.endLayer; layer += 1) {
    const shrunk: Partial<Record<Projection, number>> = {};
    layers.push({
      x: slot.take(matrix(hidden)),
      rstd1: slot.take(matrix(1)),
      qkv: slot.take(matrix((numHeads + 2 * numKvHeads) * headDim)),
      attention: slot.take(matrix(numHeads * headDim)),
      lse: slot.take(matrix(numHeads)),
      mid: slot.take(matrix(hidden)),
      rstd2: slot.take(matrix(1)),
      gateUp: slot.take(matrix(2 * inner)),
      shrunk,
    });
    for (const projection of PROJECTIONS) {
      const columns = shrunkColumns[projection];
      if (columns !== undefined) shrunk[projection] = slot.take(matrix(columns));
    }
  }
  const final = stage.head
    ? { x: slot.take(matrix(hidden)), rstd: slot.take(matrix(1)), gradient: slot.take(matrix(hidden)) }
    : undefined;
  const headTileRows = Math.max(
    1,
    Math.min(HEAD_TILE_ROWS, rows, Math.floor(HEAD_TILE_BYTES / (vocabularySize * FLOAT))),
  );
  const forwardWork = allocator();
  const forward = {
    normed: forwardWork.take(matrix(hidden)),
    inner: forwardWork.take(matrix(inner)),
    attentionScratch: forwardWork.take(attentionScratchBytes(threads, maxSequence, headDim, false)),
    logits: forwardWork.take(stage.head ? headScratchBytes(headTileRows, hidden, vocabularySize) : 0),
  };
  const backwardWork = allocator();
  const maxRank = Math.max(0, ...Object.values(shrunkColumns));
  const backward = {
    gradientA: backwardWork.take(matrix(hidden)),
    gradientB: backwardWork.take(matrix(hidden)),
    normed: backwardWork.take(matrix(hidden)),
    normedGradient: backwardWork.take(matrix(hidden)),
    inner: backwardWork.take(matrix(inner)),
    innerGradient: backwardWork.take(matrix(inner)),
    gateUpGradient: backwardWork.take(matrix(2 * inner)),
    qkvGradient: backwardWork.take(matrix((numHeads + 2 * numKvHeads) * headDim)),
    attentionGradient: backwardWork.take(matrix(numHeads * headDim)),
    attentionScratch: backwardWork.take(attentionScratchBytes(threads, maxSequence, headDim, true)),
    loraScratch: backwardWork.take(loraScratchBytes(rows, maxRank)),
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
