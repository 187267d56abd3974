import type { EarlyStopping } from "../documents/early-stopping.ts";
import type { BestLoss } from "./best-loss.ts";
import { type LossPoint, trendOf } from "./loss-points.ts";
import type { Stop } from "./verdict.ts";

/** Points that a trend is taken of, at least. */
const LEAST_POINTS = 4;

/** What is asked of a job's losses. */
export interface Asked {
  readonly points: readonly LossPoint[];
  readonly best: BestLoss;
  readonly steps: number;
  /** The iteration after which something may be said. */
  readonly from: number;
  readonly minDelta: number;
}

/** About the largest of so many normal errors, in standard deviations. */
const largestOf = (count: number): number => Math.sqrt(2 * Math.log1p(count));

/**
 * The rest of the job is not worth its time. Over the last `share` of the job's steps no loss was better than the best
 * before by `minDelta`, and the straight line through them, level + slope (t - now), would not be at the job's end either,
 * even if it falls steeper than it seems and the noise about it is in luck:
 *
 *     best - (level + (slope - z(looks) slopeError) left - z(losses to come) noise) < minDelta best
 *
 * with z(n) = sigmas sqrt(2 ln(1 + n)), about the largest of n normal errors: who asks often, or has many losses to come,
 * waits for more. Losses that fall ever more slowly stay above the line.
 */
export function plateau(
  { points, best, steps, from, minDelta }: Asked,
  { share, sigmas }: Exclude<EarlyStopping["plateau"], false>,
): Stop | undefined {
  const now = points.at(-1)?.at ?? 0;
  const window = share * steps;
  if (now <= from || now < window) return undefined;
  const inWindow = points.length - (points.findLastIndex(({ at }) => at <= now - window) + 1);
  const count = Math.max(LEAST_POINTS, inWindow);
  const first = points.at(-count);
  if (first === undefined || best.iteration >= first.at) return undefined;
  const { level, slope, slopeError, noise } = trendOf(points, count);
  const looks = points.filter(({ at }) => at > Math.max(from, window)).length;
  const steepest = slope - sigmas * largestOf(looks) * slopeError;
  const left = steps - now;
  const toCome = (left * (count - 1)) / (now - first.at);
  const gain = best.lowest - (level + Math.min(0, steepest) * left - sigmas * largestOf(toCome) * noise);
  if (gain >= minDelta * Math.abs(best.lowest)) return undefined;
  const most = ((100 * Math.max(0, gain)) / Math.abs(best.lowest)).toPrecision(2);
  return {
    kind: "stop",
    rule: "plateau",
    why:
      `no loss was better by ${100 * minDelta} % for ${now - best.iteration} iterations; stopping saves ${left} and ` +
      `gives up at most ${most} % of the best loss, ${best.lowest.toPrecision(4)}`,
  };
}
