import type { ClockReading } from "../../native/index.ts";
import type { RunMachine } from "../../traces/index.ts";

/** How the clock of another machine went. */
export type MachineClock = NonNullable<RunMachine["clocks"]>[number];

/** Readings closer together than this say more of their errors than of a drift. */
const LEAST_SPAN_NS = 1e9;

/** How another rank's clock goes beside rank 0's: an offset, and a drift once it has been read twice. */
export class RankClock {
  readonly #originNs: number;
  readonly #readings: ClockReading[] = [];

  /** `originNs`: what rank 0's clock showed when its own times were 0. */
  constructor(originNs: number) {
    this.#originNs = originNs;
  }

  add(reading: ClockReading): void {
    this.#readings.push(reading);
  }

  /** What is known of it, for a trace; undefined before the first reading. */
  stateOf(machine: string): MachineClock | undefined {
    const last = this.#readings.at(-1);
    if (last === undefined) return undefined;
    return {
      machine,
      offsetSeconds: last.offsetNs / 1e9,
      driftPpm: this.drift * 1e6,
      errorSeconds: Math.max(...this.#readings.map(({ roundTripNs }) => roundTripNs)) / 2e9,
      comparisons: this.#readings.length,
    };
  }

  /** Nanoseconds that the rank's clock loses in each of its own; 0 while nobody knows. */
  get drift(): number {
    const [first, last] = [this.#readings[0], this.#readings.at(-1)];
    if (first === undefined || last === undefined || last.ownNs - first.ownNs < LEAST_SPAN_NS) return 0;
    return (last.offsetNs - first.offsetNs) / (last.ownNs - first.ownNs);
  }

  /** A time of the rank's clock among rank 0's own times. Before the first reading the two clocks are taken for one. */
  atRank0(ns: number): number {
    const last = this.#readings.at(-1);
    if (last === undefined) return ns - this.#originNs;
    return ns + last.offsetNs + this.drift * (ns - last.ownNs) - this.#originNs;
  }
}
