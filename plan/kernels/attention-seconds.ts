import type { SeenLength } from "../documents/architecture.ts";
import type { AttentionFigures } from "../documents/kernels.ts";
import type { DevicePeaks } from "./layer-cost.ts";

/** Rows of queries that a multiprocessor has at once. */
const BLOCK_ROWS = 128;
/**
 * A backward has 2.5 times a forward's FLOP, since it computes scores again, at nine tenths of the speed: from memory, of
 * the figures in "FlashAttention-3" (Shah et al. 2024); nothing that loratwin has was measured of it.
 */
export const BACKWARD_FORWARDS = 2.8;

/** Of the peak, what attention with heads of so many features reaches. */
export function attentionShare({ computeShares }: Pick<AttentionFigures, "computeShares">, headDim: number): number {
  return computeShares[headDim <= 64 ? "64" : headDim <= 128 ? "128" : "256"];
}

/**
 * Seconds of the forward of causal attention over packed rows, each of which attends to itself, on an idle GPU: kernels of
 * libraries, of the fastest kind for the GPU. Fitted to kernel times that others measured (docs/reference/gpus.md): rows of 512
 * tokens and more 4 to 9 % from the median of three libraries, which differ by a quarter.
 */
export function attentionSeconds(
  figures: AttentionFigures,
  multiprocessors: number,
  { flopsPerSecond }: DevicePeaks,
  {
    heads,
    headDim,
    lengths,
    seen = (tokens) => tokens,
  }: {
    readonly heads: number;
    readonly headDim: number;
    readonly lengths: readonly number[];
    readonly seen?: SeenLength;
  },
): number {
  const { halfSpeedTokens, emptyWave, seconds } = figures;
  const share = attentionShare(figures, headDim);
  let flop = 0;
  let blocks = 0;
  for (const tokens of lengths) {
    // Scores and values take 4 FLOP a pair and feature; half of the pairs are masked.
    flop += 2 * heads * headDim * tokens * (seen(tokens) + halfSpeedTokens);
    // In part, too: one token more never takes less time.
    blocks += heads * Math.max(1, tokens / BLOCK_ROWS);
  }
  const waves = blocks / multiprocessors;
  const rounds = waves + emptyWave * (Math.ceil(waves) - waves);
  return flop === 0 ? 0 : ((flop / (share * flopsPerSecond)) * rounds) / waves + seconds;
}
