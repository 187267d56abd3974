import { counted, sum } from "../../core/index.ts";
import type { Stage } from "../documents/setting.ts";
import { halfCounts, numHalvesOf, numLayersOf } from "./stage-layers.ts";

/**
 * "recompute 3 of 8 layers", over all stages; undefined where every layer is kept. A divided layer counts half on each
 * side.
 */
export function recomputationText(stages: readonly Stage[]): string | undefined {
  const halves = stages.map((stage) => {
    const { attention, mlp } = halfCounts(stage, stage.recomputedLayers);
    return attention + mlp;
  });
  const [recomputed, layers] = [sum(halves) / 2, sum(stages.map(numHalvesOf)) / 2];
  if (recomputed === 0) return undefined;
  const of = counted(layers, "layer");
  return recomputed === layers ? `recompute ${layers === 1 ? "its" : "all"} ${of}` : `recompute ${recomputed} of ${of}`;
}

/**
 * "0-6 + attention of 7 + embedding": what is on a stage, and how many of its layers are computed again where it is not
 * all or none.
 */
export function stageText(stage: Stage): string {
  const { firstLayer, endLayer, startsAtMlp, endsAtAttention, embedding, head, recomputedLayers } = stage;
  const first = startsAtMlp ? firstLayer + 1 : firstLayer;
  const last = endsAtAttention ? endLayer - 2 : endLayer - 1;
  const parts = [
    ...(startsAtMlp ? [`MLP of ${firstLayer}`] : []),
    ...(first <= last ? [first === last ? `${first}` : `${first}-${last}`] : []),
    ...(endsAtAttention ? [`attention of ${endLayer - 1}`] : []),
    ...(embedding ? ["embedding"] : []),
    ...(head ? ["head"] : []),
  ];
  const isMixed = recomputedLayers > 0 && recomputedLayers < numLayersOf(stage);
  return `${parts.join(" + ")}${isMixed ? `, ${recomputedLayers} recomputed` : ""}`;
}
