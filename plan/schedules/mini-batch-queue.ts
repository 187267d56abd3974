import { Fifo } from "../../core/index.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";

/** Mini-batches that a group is to have, made one by one when they are due. */
export interface DueMiniBatches {
  readonly count: number;
  /** The next one. */
  make(): MiniBatch;
  /** Nanoseconds of all of them on the first stage. */
  workNs(): number;
}

/** Mini-batches of a group, first in, first out: those that are there, and behind them those that are not made yet. */
export class MiniBatchQueue {
  readonly #made = new Fifo<MiniBatch>();
  #due: DueMiniBatches | undefined;
  #numDue = 0;

  get size(): number {
    return this.#made.size + this.#numDue;
  }

  /** The first one, made if need be. */
  get first(): MiniBatch | undefined {
    if (this.#made.first === undefined && this.#numDue > 0) {
      this.#numDue -= 1;
      this.#made.add(this.#due!.make());
    }
    return this.#made.first;
  }

  add(miniBatch: MiniBatch): void {
    this.#made.add(miniBatch);
  }

  /** Behind those that are there; none are due before. */
  expect(due: DueMiniBatches): void {
    this.#due = due;
    this.#numDue = due.count;
  }

  take(): MiniBatch | undefined {
    return this.first && this.#made.take();
  }

  /** Takes all of them out; of those that are not made the number alone. */
  empty(): { readonly made: readonly MiniBatch[]; readonly count: number } {
    const count = this.size;
    const made = [...this.#made];
    while (this.#made.take() !== undefined);
    this.#numDue = 0;
    return { made, count };
  }

  /** Nanoseconds on the first stage, where `workOf` says them of one. */
  workNs(workOf: (miniBatch: MiniBatch) => number): number {
    if (this.#due !== undefined) return this.#due.workNs();
    let ns = 0;
    for (const miniBatch of this.#made) ns += workOf(miniBatch);
    return ns;
  }
}
