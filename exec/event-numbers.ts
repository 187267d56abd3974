import { InvariantError, Numbers } from "../core/index.ts";
import type { StageHost } from "./stage-host.ts";

/** Events that are created at once. */
const CHUNK = 256;

/**
 * Events by number, of which each is used by the task that signals it and by those that wait for it. When these have all
 * ended it is given to another task, so that a run of any length needs as many as it has tasks in flight.
 */
export class EventNumbers {
  readonly #host: StageHost;
  readonly #numbers = new Numbers();
  readonly #uses: number[] = [];
  /** The runtime's numbers begin here; it has made so many. */
  readonly #first: number;
  #made = CHUNK;
  /** Those that nobody uses any more. */
  #over: number[] = [];

  constructor(host: StageHost) {
    this.#host = host;
    this.#first = host.createEvents(CHUNK);
  }

  /** An event for a task that has it as its signal. */
  take(): number {
    const number = this.#numbers.take();
    if (number === this.#made) {
      const next = this.#host.createEvents(CHUNK);
      if (next !== this.#first + this.#made)
        throw new InvariantError({ expected: "events of one user in a row", got: next });
      this.#made += CHUNK;
    }
    this.#uses[number] = 1;
    return this.#first + number;
  }

  /** A task waits for it. */
  use(event: number): void {
    this.#uses[event - this.#first]! += 1;
  }

  /** A task that has it as its signal or waits for it has ended. Whether that was the last one. */
  leave(event: number): boolean {
    const number = event - this.#first;
    this.#uses[number]! -= 1;
    if (this.#uses[number] !== 0) return false;
    this.#over.push(event);
    return true;
  }

  /** Lets those be taken again that nobody uses any more. */
  renew(): void {
    if (this.#over.length === 0) return;
    this.#host.renewEvents(this.#over);
    for (const event of this.#over) this.#numbers.giveBack(event - this.#first);
    this.#over = [];
  }
}
