/** A stretch of a fleet's busy time from its start: how long, and what was done of it by the predicted times. */
interface Point {
  readonly busyNs: number;
  readonly workNs: number;
}

/** Points that are kept; of the older half every second goes when there are more. */
const MOST_POINTS = 2048;

/**
 * How fast a fleet was so far against what is predicted: time in which its pipelines had jobs, and the predicted time of
 * the iterations that they did meanwhile.
 */
export class SeenPace {
  #points: Point[] = [{ busyNs: 0, workNs: 0 }];

  /** An iteration has ended: how long its pipeline was busy since the one before, and its part of what is predicted. */
  add(busyNs: number, workNs: number): void {
    const last = this.#points.at(-1)!;
    this.#points.push({ busyNs: last.busyNs + busyNs, workNs: last.workNs + workNs });
    if (this.#points.length <= MOST_POINTS) return;
    const half = MOST_POINTS / 2;
    this.#points = this.#points.filter((_, at) => at >= half || at % 2 === 0);
  }

  /** All time in which pipelines had jobs. */
  get busyNs(): number {
    return this.#points.at(-1)!.busyNs;
  }

  /** Time / predicted time over a window of busy time that ends then; undefined where nothing was done in it. */
  over(windowNs: number, untilNs = this.busyNs): number | undefined {
    const fromNs = Math.max(0, untilNs - windowNs);
    const workNs = this.#workAt(untilNs) - this.#workAt(fromNs);
    return workNs > 0 && untilNs > fromNs ? (untilNs - fromNs) / workNs : undefined;
  }

  /** Iterations that have ended in the latest window. */
  countOver(windowNs: number): number {
    return this.#points.length - Math.max(1, this.#firstAfter(this.busyNs - windowNs));
  }

  /** The place of the first point behind a time. */
  #firstAfter(ns: number): number {
    let [low, high] = [0, this.#points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#points[middle]!.busyNs > ns) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** An iteration is as fast in its first half as in its second. */
  #workAt(ns: number): number {
    const at = this.#firstAfter(ns);
    const [before, after] = [this.#points[at - 1], this.#points[at]];
    if (before === undefined) return 0;
    if (after === undefined) return before.workNs;
    const share = (ns - before.busyNs) / (after.busyNs - before.busyNs);
    return before.workNs + share * (after.workNs - before.workNs);
  }
}
