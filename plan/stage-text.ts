import { sum } from "../core/index.ts";
import type { Stage } from "./documents/plan.ts";

/** "recompute 3 of 8 layers", over all stages; undefined where every layer is kept. */
export function recomputationText(stages: readonly Stage[]): string | undefined {
  const recomputed = sum(stages.map(({ recomputedLayers }) => recomputedLayers));
  const layers = sum(stages.map(({ firstLayer, endLayer }) => endLayer - firstLayer));
  if (recomputed === 0) return undefined;
  return recomputed === layers ? `recompute all ${layers} layers` : `recompute ${recomputed} of ${layers} layers`;
}

/** "0-7 + embedding": what is on a stage, and how many of its layers are computed again where it is not all or none. */
export function stageText({ firstLayer, endLayer, embedding, head, recomputedLayers }: Stage): string {
  const isMixed = recomputedLayers > 0 && recomputedLayers < endLayer - firstLayer;
  return [
    `${firstLayer}-${endLayer - 1}`,
    embedding ? " + embedding" : "",
    head ? " + head" : "",
    isMixed ? `, ${recomputedLayers} recomputed` : "",
  ].join("");
}
