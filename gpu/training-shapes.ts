import type { ModelShape } from "../bench/workload.ts";
import { PROJECTIONS } from "../plan/index.ts";

/** Both sides train with a tied head, which Llama 2 has not. */
export const TRAINING_SHAPES = {
  // Llama-3.2-1B
  "1B": { hidden: 2048, layers: 16, heads: 32, kvHeads: 8, intermediate: 8192, vocabulary: 128256 },
  // Llama-2-7B
  "7B": { hidden: 4096, layers: 32, heads: 32, kvHeads: 32, intermediate: 11008, vocabulary: 32000 },
  // For trying the program where there is no GPU.
  tiny: { hidden: 64, layers: 2, heads: 4, kvHeads: 2, intermediate: 128, vocabulary: 256 },
} as const satisfies Record<string, ModelShape>;

export type TrainingShape = keyof typeof TRAINING_SHAPES;

/** Four adapters on all seven projections, an optimizer step of 2048 tokens each. */
export const TRAINING_WORK = { ranks: [16, 16, 16, 16], targets: PROJECTIONS, batchSize: 4, length: 512 };

export const TOKENS_PER_STEP = TRAINING_WORK.ranks.length * TRAINING_WORK.batchSize * TRAINING_WORK.length;
