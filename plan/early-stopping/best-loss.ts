/** The best losses so far. */
export interface BestLoss {
  /** The lowest of all. */
  readonly lowest: number;
  /** The last one that was better than the one before by `minDelta`, and its iteration. */
  readonly loss: number;
  readonly iteration: number;
  /** Losses after it. */
  readonly since: number;
}

/** With a loss more. One counts as better where it is so by more than `minDelta` of the best. */
export function bestLoss(best: BestLoss | null, iteration: number, loss: number, minDelta: number): BestLoss {
  const lowest = Math.min(loss, best?.lowest ?? Number.POSITIVE_INFINITY);
  if (best === null || loss < best.loss - minDelta * Math.abs(best.loss)) return { lowest, loss, iteration, since: 0 };
  return { ...best, lowest, since: best.since + 1 };
}
