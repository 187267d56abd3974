export function sum(values: readonly number[]): number {
  let total = 0;
  // It is asked of millions of short lists, of whole numbers and of others: an iterator would be made for each.
  for (let at = 0; at < values.length; at += 1) total += values[at]!;
  return total;
}

/** The mean of some values; 0 where there are none. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

/** The value at a place in the order of some, between two of them where it lies there; 0 for no values. */
function atPlace(values: readonly number[], place: number): number {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((x, y) => x - y);
  const position = Math.min(Math.max(place, 0), sorted.length - 1);
  const low = Math.floor(position);
  const a = sorted[low]!;
  const b = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return a + (b - a) * (position - low);
}

/** Linear interpolation between order statistics; `q` from 0 to 1; 0 for no values. */
export function quantile(values: readonly number[], q: number): number {
  return atPlace(values, (values.length - 1) * q);
}

/**
 * A quantile of what some draws are of, each of which stands for an equal share of it (Hazen; Hyndman and Fan's type 5):
 * of 20 draws the least is at 2.5 %. `quantile` has it at 0 %, and so is too near the middle for the whole.
 */
export function quantileOfShares(draws: readonly number[], q: number): number {
  return atPlace(draws, draws.length * q - 0.5);
}

/**
 * What one more draw like these is below with probability `q` (Weibull; Hyndman and Fan's type 6): n draws part where it
 * may lie in n + 1 equally likely ranges. It is the least or the greatest of them where n is too small to say more.
 */
export function quantileOfNext(draws: readonly number[], q: number): number {
  return atPlace(draws, (draws.length + 1) * q - 1);
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The smallest value that at least half of the weights are at or below; 0 for no values. */
export function weightedMedian(values: readonly number[], weights: readonly number[]): number {
  const half = sum(weights) / 2;
  const order = values.map((_, index) => index).sort((a, b) => values[a]! - values[b]!);
  let below = 0;
  for (const index of order) {
    below += weights[index]!;
    if (below >= half) return values[index]!;
  }
  return 0;
}

/** The largest value, without the argument limit of Math.max; -Infinity for no values. */
export function maximum(values: Iterable<number>): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > largest) largest = value;
  return largest;
}
