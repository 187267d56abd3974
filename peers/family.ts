import type { Rng } from "../core/index.ts";
import { between, type DrawnRope, drawRope, type Keys, maybe, oneOf, type RopeKind } from "./draw-rope.ts";

/** Sizes of a tiny model, drawn anew for each case. */
export interface Sizes {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  /** Even; apart from hidden / heads, or that. */
  readonly headDim: number;
  readonly vocabulary: number;
  readonly maxPositions: number;
}

/** What a family draws from. */
export interface Draw {
  readonly rng: Rng;
  readonly sizes: Sizes;
  /** Tokens of the longest row. */
  readonly longest: number;
  /** Each kind of the family's ropes has its turn. */
  readonly rope: RopeKind;
}

/** A configuration, but for the keys that the versions of transformers have in other places. */
export interface DrawnModel {
  readonly keys: Keys;
  readonly rope: DrawnRope;
}

/** A kind of model that loratwin reads and transformers has. */
export interface Family {
  readonly ropes: readonly RopeKind[];
  /** Keys beside those that all families have, and a rope that is not as that of `rope` alone says. */
  draw(given: Draw): Keys & { readonly rope?: DrawnRope };
}

export const PLAIN = ["default", "linear", "llama3", "yarn"] as const;
export const FULL = "full_attention";
const SLIDING = "sliding_attention";

export const tied = ({ rng }: Draw) => maybe(rng, "tie_word_embeddings", [true, false]);
export const biased = ({ rng }: Draw) => maybe(rng, "attention_bias", [true, true, false]);
/** Shorter than many rows, and longer than others. */
export const width = ({ rng, longest }: Draw): number => between(rng, 2, Math.floor(0.6 * longest));
export const layersOf = <T>({ sizes }: Draw, entry: (layer: number) => T): readonly T[] =>
  Array.from({ length: sizes.layers }, (_, layer) => entry(layer));
export const someLayers = (given: Draw) => ({ layer_types: layersOf(given, () => oneOf(given.rng, [FULL, SLIDING])) });

export function ropeOf({ rng, sizes, longest, rope }: Draw, columns = sizes.headDim): DrawnRope {
  return drawRope(rng, { kind: rope, columns, longest, maxPositions: sizes.maxPositions });
}
