/**
 * Numbered slots, each due at no more than one time: the queue of a run of events that makes no object for an event.
 * Within an instant the smaller slot comes first, so that the order is total. A binary heap of slots whose times lie in
 * a column beside it: with a queue that calls a function to compare, a whole simulation takes about a tenth longer.
 */
export class DueSlots {
  readonly #timesNs: Float64Array;
  readonly #heap: Int32Array;
  #length = 0;

  constructor(numSlots: number) {
    this.#timesNs = new Float64Array(numSlots);
    this.#heap = new Int32Array(numSlots);
  }

  /** The slot must not be due already. */
  add(slot: number, timeNs: number): void {
    const times = this.#timesNs;
    const heap = this.#heap;
    times[slot] = timeNs;
    let at = this.#length;
    this.#length = at + 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above]!;
      const otherNs = times[other]!;
      if (otherNs < timeNs || (otherNs === timeNs && other < slot)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = slot;
  }

  /** When the next slot is due; Infinity without any. */
  nextNs(): number {
    return this.#length === 0 ? Number.POSITIVE_INFINITY : this.#timesNs[this.#heap[0]!]!;
  }

  /** Removes the next slot; undefined without any. */
  take(): number | undefined {
    if (this.#length === 0) return undefined;
    const times = this.#timesNs;
    const heap = this.#heap;
    const taken = heap[0]!;
    const length = this.#length - 1;
    this.#length = length;
    const last = heap[length]!;
    const lastNs = times[last]!;
    let at = 0;
    for (let below = 1; below < length; below = 2 * at + 1) {
      let slot = heap[below]!;
      let slotNs = times[slot]!;
      if (below + 1 < length) {
        const right = heap[below + 1]!;
        const rightNs = times[right]!;
        if (rightNs < slotNs || (rightNs === slotNs && right < slot)) {
          below += 1;
          slot = right;
          slotNs = rightNs;
        }
      }
      if (lastNs < slotNs || (lastNs === slotNs && last < slot)) break;
      heap[at] = slot;
      at = below;
    }
    heap[at] = last;
    return taken;
  }
}
