import type { Architecture } from "../../plan/documents/architecture.ts";
import { smallPlan } from "../sim/small-plan.ts";

/** A plan of one action pair, to take a stage and a job from. */
export const BASE = smallPlan({ orders: ["F0 B0"], microBatches: [{ tokens: 1 }] });

/** Small, with every size of its own, so that no two operators look alike. */
export const SIX_LAYERS: Architecture = {
  ...BASE.model.architecture,
  hiddenSize: 64,
  intermediateSize: 172,
  numLayers: 6,
  numHeads: 8,
  numKvHeads: 4,
  headDim: 8,
  vocabularySize: 512,
};

/** One row of 96 tokens, 95 of them scored. */
export const ONE_ROW = { rows: [[0, 0, 96, 95] as [number, number, number, number]] };
