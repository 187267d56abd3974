import type { FleetWork } from "../../plan/index.ts";

/** What each job of a live fleet is to train, by number. It alone changes the list that all others look at. */
export class KnownWorks {
  readonly #works: FleetWork[];
  readonly #over: number[] = [];

  /** `works`: of the jobs that had come before. */
  constructor(works: readonly FleetWork[]) {
    this.#works = [...works];
  }

  /** As it is at any time: what looks at it sees the jobs that come. */
  get all(): readonly FleetWork[] {
    return this.#works;
  }

  /** Jobs that are over, in the order in which they came to be. */
  get ended(): readonly number[] {
    return this.#over;
  }

  of(number: number): FleetWork {
    return this.#works[number]!;
  }

  add(work: FleetWork): void {
    this.#works.push(work);
  }

  /** The last jobs come again, and are added as they do. */
  withdraw(count: number): void {
    this.#works.length -= count;
  }

  /** A job is over: nobody trains its rows any more. */
  over(number: number): void {
    this.#works[number] = { job: this.of(number).job, steps: [] };
    this.#over.push(number);
  }
}
