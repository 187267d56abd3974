import FastPriorityQueue from "fastpriorityqueue";

/**
 * Numbered slots, each due at no more than one time: the queue of a run of events that makes no object for an event.
 * Within an instant the smaller slot comes first, so that the order is total.
 */
export class DueSlots {
  readonly #timesNs: Float64Array;
  readonly #queue: FastPriorityQueue<number>;

  constructor(numSlots: number) {
    const times = new Float64Array(numSlots);
    this.#timesNs = times;
    this.#queue = new FastPriorityQueue<number>((a, b) => {
      const difference = times[a]! - times[b]!;
      return difference < 0 || (difference === 0 && a < b);
    });
  }

  /** The slot must not be due already. */
  add(slot: number, timeNs: number): void {
    this.#timesNs[slot] = timeNs;
    this.#queue.add(slot);
  }

  /** When the next slot is due; Infinity without any. */
  nextNs(): number {
    const slot = this.#queue.peek();
    return slot === undefined ? Number.POSITIVE_INFINITY : this.#timesNs[slot]!;
  }

  /** Removes the next slot; undefined without any. */
  take(): number | undefined {
    return this.#queue.poll();
  }
}
