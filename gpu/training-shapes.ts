import type { ModelShape } from "../bench/workload.ts";
import { type Projection, UNFUSED_PROJECTIONS } from "../plan/index.ts";

/** Both sides train with a tied head, which Llama 2 has not. */
export const TRAINING_SHAPES = {
  // Llama-3.2-1B
  "1B": { hidden: 2048, layers: 16, heads: 32, kvHeads: 8, intermediate: 8192, vocabulary: 128256 },
  // Llama-2-7B
  "7B": { hidden: 4096, layers: 32, heads: 32, kvHeads: 32, intermediate: 11008, vocabulary: 32000 },
  // So small that a GPU waits for the host; and for trying the program where there is no GPU.
  tiny: { hidden: 64, layers: 2, heads: 4, kvHeads: 2, intermediate: 128, vocabulary: 256 },
} as const satisfies Record<string, ModelShape>;

export type TrainingShape = keyof typeof TRAINING_SHAPES;

export interface TrainingWork {
  readonly ranks: readonly number[];
  readonly targets: readonly Projection[];
  /** Sequences of an adapter's optimizer step, all in one micro-batch; tokens of each. */
  readonly batchSize: number;
  readonly length: number;
}

const ADAPTERS = { ranks: [16, 16, 16, 16], targets: UNFUSED_PROJECTIONS };

/** Four adapters on all seven projections, an optimizer step of 2048 tokens each, or of 32. */
export const TRAINING_WORK: Readonly<Record<TrainingShape, TrainingWork>> = {
  "1B": { ...ADAPTERS, batchSize: 4, length: 512 },
  "7B": { ...ADAPTERS, batchSize: 4, length: 512 },
  tiny: { ...ADAPTERS, batchSize: 1, length: 32 },
};

/** Of all adapters together. */
export function tokensPerStep(shape: TrainingShape): number {
  const { ranks, batchSize, length } = TRAINING_WORK[shape];
  return ranks.length * batchSize * length;
}
