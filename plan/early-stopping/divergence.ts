import type { EarlyStopping } from "../documents/early-stopping.ts";
import { latestMedian, noiseOf, type RecentLosses } from "./recent-losses.ts";
import type { Stop } from "./verdict.ts";

/** The lowest median of neighbouring training losses so far, and the noise of the losses when it was reached. */
export interface LowestMedian {
  readonly median: number;
  readonly noise: number;
}

export function lowestMedian(
  lowest: LowestMedian | null,
  recent: RecentLosses,
  { window }: Exclude<EarlyStopping["divergence"], false>,
): LowestMedian | null {
  const now = latestMedian(recent, window);
  if (now === undefined || (lowest !== null && lowest.median <= now)) return lowest;
  return { median: now, noise: noiseOf(recent) };
}

/**
 * The loss has left its own best: with m the median of the last `window` training losses, which a spike does not move,
 * m* the lowest such median and s the noise when that was reached,
 *
 *     m - m* > max(ratio m*, sigmas s)
 *
 * A test of a level against the noise about it, as control charts make it (Shewhart 1931), with medians.
 */
export function divergence(
  lowest: LowestMedian | null,
  recent: RecentLosses,
  { window, ratio, sigmas }: Exclude<EarlyStopping["divergence"], false>,
): Stop | undefined {
  const now = latestMedian(recent, window);
  if (now === undefined || lowest === null) return undefined;
  if (now - lowest.median <= Math.max(ratio * Math.abs(lowest.median), sigmas * lowest.noise)) return undefined;
  const [level, best] = [now, lowest.median].map((loss) => loss.toPrecision(4));
  return {
    kind: "stop",
    rule: "divergence",
    why: `its training loss has risen to ${level}, the median of ${window} iterations, from ${best} at best`,
  };
}
