import type { EarlyStopping } from "../documents/early-stopping.ts";
import { latestMedian, noiseOf, type RecentLosses } from "./recent-losses.ts";
import type { Stop } from "./verdict.ts";

/** What medians of neighbouring training losses have shown. */
export interface RiseWatch {
  /** The lowest median so far, and the noise of the losses when it was reached. */
  readonly lowest: { readonly median: number; readonly noise: number } | null;
  /** Since when the medians have been far above it without a break, and the highest of them; null where they are not. */
  readonly risen: { readonly since: number; readonly highest: number } | null;
}

export const NO_RISE: RiseWatch = { lowest: null, risen: null };

/** Losses that a median is of: some of the job, so that a spike does not move it. */
export function medianWindow(steps: number): number {
  return Math.min(64, Math.max(8, Math.round(steps / 50)));
}

/** How long a rise has to last, as a share of the job: spikes are over by then. */
const LASTING = 0.05;
/** A rise that has come down by this share of it is on its way back. */
const COMES_BACK = 0.25;

type Options = Exclude<EarlyStopping["divergence"], false>;

/**
 * With a training loss more. With m the median of the last losses, m* the lowest such median and s the noise when that was
 * reached, losses are far above their best where
 *
 *     m - m* > max(ratio m*, sigmas s)
 *
 * A test of a level against the noise about it, as control charts make it (Shewhart 1931), with medians.
 */
export function withRise(
  watch: RiseWatch,
  recent: RecentLosses,
  now: number,
  steps: number,
  options: Options,
): RiseWatch {
  const median = latestMedian(recent, medianWindow(steps));
  if (median === undefined) return watch;
  const { lowest, risen } = watch;
  if (lowest === null || median < lowest.median) return { lowest: { median, noise: noiseOf(recent) }, risen: null };
  const isFar =
    median - lowest.median > Math.max(options.ratio * Math.abs(lowest.median), options.sigmas * lowest.noise);
  if (!isFar) return { lowest, risen: null };
  return { lowest, risen: { since: risen?.since ?? now, highest: Math.max(median, risen?.highest ?? median) } };
}

/** The loss has left its own best, for longer than a spike lasts, and does not come back. */
export function divergence(
  { lowest, risen }: RiseWatch,
  recent: RecentLosses,
  now: number,
  steps: number,
): Stop | undefined {
  if (lowest === null || risen === null) return undefined;
  const window = medianWindow(steps);
  if (now - risen.since < Math.max(window, LASTING * steps)) return undefined;
  const median = latestMedian(recent, window)!;
  if (risen.highest - median > COMES_BACK * (risen.highest - lowest.median)) return undefined;
  const [level, best] = [median, lowest.median].map((loss) => loss.toPrecision(4));
  return {
    kind: "stop",
    rule: "divergence",
    why:
      `its training loss has been above its best for ${now - risen.since + 1} iterations, and does not come back: ` +
      `${level}, the median of ${window} iterations, after ${best} at best`,
  };
}
