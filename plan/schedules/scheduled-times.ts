import type { StageOrders } from "../actions/order.ts";
import type { Timeline } from "../actions/timeline.ts";

/** A column of times that grows at its end. */
class Times {
  #times = new Float64Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(timeNs: number): void {
    if (this.#length === this.#times.length) {
      const longer = new Float64Array(2 * this.#length);
      longer.set(this.#times);
      this.#times = longer;
    }
    this.#times[this.#length] = timeNs;
    this.#length += 1;
  }

  all(): Float64Array {
    return this.#times.slice(0, this.#length);
  }
}

/**
 * When a list scheduler has actions run. As long as nothing waits but for what `timelineOf` knows of, these are the times
 * of its orders, and nobody has to find them again.
 */
export class ScheduledTimes {
  readonly #startNs: readonly Times[];
  readonly #endNs: readonly Times[];
  #isSpoilt = false;
  #makespanNs = 0;

  constructor(numStages: number) {
    this.#startNs = Array.from({ length: numStages }, () => new Times());
    this.#endNs = Array.from({ length: numStages }, () => new Times());
  }

  /** The next action of a stage. */
  add(stage: number, startNs: number, endNs: number): void {
    this.#startNs[stage]!.add(startNs);
    this.#endNs[stage]!.add(endNs);
    if (endNs > this.#makespanNs) this.#makespanNs = endNs;
  }

  /** Something waits for what no timeline knows of: a message for another one, or an action for memory elsewhere. */
  spoil(): void {
    this.#isSpoilt = true;
  }

  /** The earliest times of these orders; undefined where they have to be found. */
  timelineOf(orders: StageOrders): Timeline | undefined {
    if (this.#isSpoilt || orders.some(({ length }, stage) => length !== this.#startNs[stage]!.length)) return undefined;
    return {
      startNs: this.#startNs.map((times) => times.all()),
      endNs: this.#endNs.map((times) => times.all()),
      makespanNs: this.#makespanNs,
    };
  }
}
