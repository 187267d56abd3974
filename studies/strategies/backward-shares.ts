import { backwardPasses, type LayerTimes } from "../../plan/index.ts";
import type { TrainedModel } from "./platform.ts";
import type { RowLengths } from "./step-rows.ts";

/** Of the time of a backward, what is not for the gradients that go on to the layers before. */
export interface BackwardShares {
  readonly recomputed: number;
  /** For gradients of base weights. */
  readonly weights: number;
}

export const NO_SHARES: BackwardShares = { recomputed: 0, weights: 0 };

/** Of a backward of whole layers; of the input's gradients alone where `splits`. */
export function backwardShares(
  times: LayerTimes,
  { recompute, full }: Pick<TrainedModel, "recompute" | "full">,
  rows: RowLengths,
  splits = false,
): BackwardShares {
  const hasWeights = full && !splits;
  if (recompute === "none" && !hasWeights) return NO_SHARES;
  const all = times.layer(rows, backwardPasses(recompute, hasWeights));
  if (all === 0) return NO_SHARES;
  const kept = times.layer(rows, backwardPasses("none", hasWeights));
  const inputs = times.layer(rows, backwardPasses("none"));
  return { recomputed: Math.max(0, 1 - kept / all), weights: hasWeights ? Math.max(0, kept - inputs) / all : 0 };
}
