import type { CountedStep } from "./counted-step.ts";

/** Rows of a part of an adapter's gradient: kGradientRows of native/src/cuda/lora.h. */
const GRADIENT_ROWS = 512;
/** Scored rows of a tile of logits, as long as a tile of them has room: plan/memory/stage-layout.ts. */
const HEAD_TILE_ROWS = 1024;

/** The sizes that loops of kernels run over. */
export interface Extent {
  readonly layers: number;
  readonly tokens: number;
  /** Sequences. */
  readonly rows: number;
  /** Tokens of each sequence. */
  readonly length: number;
  readonly scored: number;
  readonly headTiles: number;
  readonly gradientParts: number;
  readonly hidden: number;
  readonly intermediate: number;
  readonly vocabulary: number;
}

export function extentOf({ model, rowsOfJobs, length }: CountedStep): Extent {
  const rows = rowsOfJobs.reduce((total, count) => total + count, 0);
  const scored = rows * (length - 1);
  return {
    layers: model.layers,
    tokens: rows * length,
    rows,
    length,
    scored,
    headTiles: Math.ceil(scored / HEAD_TILE_ROWS),
    gradientParts: rowsOfJobs.reduce((total, count) => total + Math.ceil((count * length) / GRADIENT_ROWS), 0),
    hidden: model.hidden,
    intermediate: model.intermediate,
    vocabulary: model.vocabulary,
  };
}

/** How often a kernel is launched: for each layer, once, for each tile of logits. */
export const LAUNCH_TERMS = ["layers", "1", "headTiles"];

const both = (term: string): readonly string[] => [`layers ${term}`, term];
const widths = (term: string): readonly string[] => [`${term} hidden`, `${term} intermediate`, term];
const NORM = ["tokens hidden", "tokens", "hidden"].flatMap(both);
/** Rows by features, and what belongs to an adapter: every tile of rows reads it, only the first one touches it anew. */
const LORA = [...widths("layers tokens"), ...widths("layers")];

/**
 * The terms of which a kernel's bytes and cycles are the sum. All grow with the layers but for what is there once (the
 * final norm, the head) and for the first layer, which needs no gradient of its input. Adapters are four, of one rank,
 * and heads are those of the shape: neither is a term.
 */
export const LOOPS = {
  embed: ["tokens hidden", "tokens"],
  rmsnorm: NORM,
  lora_xa: LORA,
  lora_sb: LORA,
  lora_dyb: LORA,
  lora_dsa: [...LORA, "tokens hidden", "tokens", "hidden"],
  lora_dsx_dys: [...LORA, ...widths("layers gradientParts")],
  swiglu: ["layers tokens intermediate"],
  swiglu_backward: ["layers tokens intermediate"],
  rmsnorm_backward: NORM,
  gather_rows: ["scored hidden", "scored"],
  cross_entropy_tile: ["scored vocabulary", "scored"],
  cross_entropy_losses: ["scored", "1"],
  cross_entropy_gradient: ["scored vocabulary", "scored"],
  scatter_rows: ["scored hidden", "scored", "rows hidden", "rows"],
  sum_squares: ["layers hidden", "layers intermediate", "1"],
  adamw: ["layers hidden", "layers intermediate", "1"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** Those of the kernels that go through heads; they are emulated with all heads of the shape. */
export const HEAD_LOOPS = {
  rope: ["layers tokens", "layers length", "layers"],
  attention: ["layers tokens length", "layers tokens", "layers"],
  attention_delta: ["layers tokens"],
  attention_dq: ["layers tokens length", "layers tokens", "layers"],
  attention_dkv: ["layers tokens length", "layers tokens", "layers"],
} as const satisfies Readonly<Record<string, readonly string[]>>;
