import { mean, median } from "../../core/index.ts";

/** The latest training losses, the oldest first, at most as many as a rule looks at. */
export type RecentLosses = readonly number[];

export function withLoss(recent: RecentLosses, loss: number, most: number): RecentLosses {
  return [...recent.slice(recent.length < most ? 0 : 1), loss];
}

/**
 * The standard deviation of losses about whatever they follow, from the differences of neighbours: sqrt(pi) / 2 of their
 * mean absolute value, for normal noise (the mean square successive difference of von Neumann et al. 1941, with absolute
 * values, since losses have spikes). 0 for fewer than two.
 */
export function noiseOf(losses: RecentLosses): number {
  const differences = losses.slice(1).map((loss, index) => Math.abs(loss - losses[index]!));
  return (Math.sqrt(Math.PI) / 2) * mean(differences);
}

/** The median of the last so many losses; undefined while there are not as many. */
export function latestMedian(losses: RecentLosses, window: number): number | undefined {
  return losses.length < window ? undefined : median(losses.slice(-window));
}
