import type { JournalLine } from "../plan/index.ts";

/** How the decisions of two fleets with the same jobs differ. */
export interface DecisionOrder {
  /** Of the first. */
  readonly decisions: number;
  /** Those of either that the other has none like: of the same kind, job and pipeline. */
  readonly otherwise: number;
  /** Pairs that stand in another order, though they are further apart than a tie in both. */
  readonly reordered: number;
  /** Pairs that do so, and tie. */
  readonly tied: number;
}

/** Times of decisions, by kind, job, pipeline, and how many like it there were before. */
function timesOf(journal: readonly JournalLine[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  const times = new Map<string, number>();
  for (const { atNs, decisions } of journal)
    for (const { kind, number, pipeline } of decisions) {
      const like = `${kind} ${number} ${pipeline}`;
      const count = counts.get(like) ?? 0;
      counts.set(like, count + 1);
      times.set(`${like} ${count}`, atNs);
    }
  return times;
}

/**
 * Compares what two fleets decided. Two decisions tie where they are no further apart than the share `tie` of the time
 * until then, in one of the two at least: predictions are not better than that.
 */
export function decisionOrder(
  first: readonly JournalLine[],
  second: readonly JournalLine[],
  tie: number,
): DecisionOrder {
  const [a, b] = [timesOf(first), timesOf(second)];
  const shared = [...a.keys()].filter((key) => b.has(key));
  let [reordered, tied] = [0, 0];
  shared.forEach((key, at) => {
    for (const other of shared.slice(at + 1)) {
      const [gapA, gapB] = [a.get(other)! - a.get(key)!, b.get(other)! - b.get(key)!];
      if (gapA * gapB >= 0) continue;
      const isTie = [gapA / a.get(other)!, gapB / Math.max(b.get(other)!, b.get(key)!)].some(
        (share) => Math.abs(share) <= tie,
      );
      if (isTie) tied += 1;
      else reordered += 1;
    }
  });
  return { decisions: a.size, otherwise: a.size + b.size - 2 * shared.length, reordered, tied };
}
