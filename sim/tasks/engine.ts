import { clockTime, InvariantError, type Nanos } from "../../core/index.ts";
import { createEventQueue, type EventQueue } from "./event-queue.ts";

/** A clock and its pending events. It knows nothing of what they mean. */
export class Engine<T> {
  readonly #queue: EventQueue<T> = createEventQueue<T>();
  #nowNs = 0 as Nanos;
  #sequence = 0;

  get nowNs(): Nanos {
    return this.#nowNs;
  }

  /** @throws PlanError for a time past 2^53 ns; InvariantError for one before now, or of no whole nanoseconds */
  schedule(timeNs: number, priority: number, payload: T): void {
    const time = clockTime(timeNs, this.#nowNs);
    if (!Number.isInteger(time)) throw new InvariantError({ expected: "a whole number of nanoseconds", got: time });
    this.#queue.add({ timeNs: time, priority, sequence: this.#sequence++, payload });
  }

  /**
   * Runs until no event is left and returns how many were applied. `settle` is called at time 0 and then once all
   * events of an instant have been applied: whoever decides there sees the whole instant, so that ties cannot change
   * a decision. It may schedule more for the same instant; that is applied and settled again.
   */
  run(apply: (payload: T) => void, settle: () => void): number {
    let applied = 0;
    settle();
    for (let event = this.#queue.poll(); event !== undefined; event = this.#queue.poll()) {
      this.#nowNs = event.timeNs;
      apply(event.payload);
      applied += 1;
      if (this.#queue.peek()?.timeNs !== event.timeNs) settle();
    }
    return applied;
  }
}
