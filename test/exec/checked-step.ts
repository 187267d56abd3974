import { SMALL, type SmallCase, type SmallJob, smallCase } from "./small-run.ts";

const JOBS: readonly SmallJob[] = [
  {
    rank: 4,
    dropout: 0.1,
    targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    optimizer: { maxGradNorm: 0.5 },
    length: 67,
  },
  { rank: 17, targets: ["q_proj", "v_proj", "down_proj"], length: 5 },
  { rank: 1, dropout: 0.3, targets: ["o_proj", "up_proj"], length: 31 },
];

/**
 * Two layers with biases and three adapters of mixed ranks and odd lengths, two with dropout, one clipped: a step or
 * more of two micro-batches.
 */
export function checkedCase(steps: number): SmallCase {
  return smallCase(
    JOBS.map((job) => ({ ...job, steps, batchSize: 2, microBatchSize: 1, spread: 3 })),
    { ...SMALL, numLayers: 2, qkvBias: true },
  );
}
