import type { Architecture } from "../documents/architecture.ts";
import type { Half } from "../documents/projections.ts";
import type { Stage } from "../documents/setting.ts";

/** What of a model's layers a stage has. A layer that is divided between two stages counts on both. */
export type LayerRange = Pick<Stage, "firstLayer" | "endLayer" | "startsAtMlp" | "endsAtAttention">;

/** A stage has an attention and an MLP at least, so that every adapter has parameters on it. */
export const LEAST_HALVES = 2;

export interface StageLayer {
  /** Of the model. */
  readonly layer: number;
  /** In the order of the forward; one where the layer is divided between two stages. */
  readonly halves: readonly Half[];
  readonly isRecomputed: boolean;
}

export function numLayersOf({ firstLayer, endLayer }: LayerRange): number {
  return endLayer - firstLayer;
}

export function stageLayers(stage: LayerRange & Pick<Stage, "recomputedLayers">): readonly StageLayer[] {
  const { firstLayer, startsAtMlp, endsAtAttention, recomputedLayers } = stage;
  const count = numLayersOf(stage);
  return Array.from({ length: count }, (_, index) => ({
    layer: firstLayer + index,
    halves: [
      ...(startsAtMlp && index === 0 ? [] : (["attention"] as const)),
      ...(endsAtAttention && index === count - 1 ? [] : (["mlp"] as const)),
    ],
    isRecomputed: index < recomputedLayers,
  }));
}

/** How many halves of each kind a stage has, or its first layers have. */
export function halfCounts(range: LayerRange, numLayers = numLayersOf(range)): Readonly<Record<Half, number>> {
  const isWithoutFirst = range.startsAtMlp && numLayers > 0;
  const isWithoutLast = range.endsAtAttention && numLayers > 0 && numLayers === numLayersOf(range);
  return { attention: numLayers - (isWithoutFirst ? 1 : 0), mlp: numLayers - (isWithoutLast ? 1 : 0) };
}

type Mixed = Pick<Architecture, "experts">;

/** How many MLPs of a stage, or of its first layers, are mixtures of experts. */
export function mixtureCount({ experts }: Mixed, range: LayerRange, numLayers = numLayersOf(range)): number {
  const { mlp } = halfCounts(range, numLayers);
  if (experts?.dense === undefined) return experts === undefined ? 0 : mlp;
  return mlp - experts.dense.slice(range.firstLayer, range.firstLayer + mlp).filter((is) => is).length;
}

/** Halves from the start of the model to where a stage begins and ends. */
export function halvesBounds(range: LayerRange): readonly [number, number] {
  return [2 * range.firstLayer + (range.startsAtMlp ? 1 : 0), 2 * range.endLayer - (range.endsAtAttention ? 1 : 0)];
}

export function numHalvesOf(range: LayerRange): number {
  const [start, end] = halvesBounds(range);
  return end - start;
}

export function rangeOfHalves(start: number, end: number): LayerRange {
  return {
    firstLayer: Math.floor(start / 2),
    endLayer: Math.ceil(end / 2),
    ...(start % 2 === 1 ? { startsAtMlp: true } : {}),
    ...(end % 2 === 1 ? { endsAtAttention: true } : {}),
  };
}
