import type { ClockReading } from "../../native/index.ts";
import type { RunMachine } from "../../traces/index.ts";

/** How the clock of another machine went. */
export type MachineClock = NonNullable<RunMachine["clocks"]>[number];

/** Readings closer together than this say more of their errors than of a drift. */
const LEAST_SPAN_NS = 1e9;
/** In so long what a reading shows to be wrong is made good: at once, times would jump, and actions lie in each other. */
const CORRECTION_NS = 10e9;

/** What the clock lacks of rank 0's from a time of its own on: so much then, and in each nanosecond. */
interface Course {
  readonly fromNs: number;
  readonly offsetNs: number;
  readonly slope: number;
}

/** How another rank's clock goes beside rank 0's, as comparisons tell while a run goes on. */
export class RankClock {
  readonly #originNs: number;
  readonly #readings: ClockReading[] = [];
  readonly #courses: Course[] = [];
  /** The latest time that was asked for: what has been told of it stays. */
  #toldNs = Number.NEGATIVE_INFINITY;

  /** `originNs`: what rank 0's clock showed when its own times were 0. */
  constructor(originNs: number) {
    this.#originNs = originNs;
  }

  add(reading: ClockReading): void {
    const { ownNs, offsetNs } = reading;
    const known = this.#courses.at(-1);
    this.#readings.push(reading);
    if (known === undefined) {
      this.#courses.push({ fromNs: ownNs, offsetNs, slope: 0 });
      return;
    }
    // A comparison takes a while, in which times after its reading are told.
    const fromNs = Math.max(ownNs, this.#toldNs);
    const drift = this.#drift;
    const expected = offsetAt(known, fromNs);
    const found = offsetNs + drift * (fromNs - ownNs);
    this.#courses.push({ fromNs, offsetNs: expected, slope: drift + (found - expected) / CORRECTION_NS });
  }

  /** A time of the rank's clock among rank 0's own times. Before the first reading the two clocks are taken for one. */
  atRank0(ns: number): number {
    this.#toldNs = Math.max(this.#toldNs, ns);
    const course = this.#courses.findLast(({ fromNs }) => fromNs <= ns) ?? this.#courses[0];
    return ns + (course === undefined ? 0 : offsetAt(course, ns)) - this.#originNs;
  }

  /** What is known of it, for a trace; undefined before the first reading. */
  stateOf(machine: string): MachineClock | undefined {
    const last = this.#readings.at(-1);
    if (last === undefined) return undefined;
    return {
      machine,
      offsetSeconds: last.offsetNs / 1e9,
      driftPpm: this.#drift * 1e6,
      errorSeconds: Math.max(...this.#readings.map(({ roundTripNs }) => roundTripNs)) / 2e9,
      comparisons: this.#readings.length,
    };
  }

  /** Nanoseconds that the clock loses in each of its own; 0 while nobody knows. */
  get #drift(): number {
    const [first, last] = [this.#readings[0]!, this.#readings.at(-1)!];
    const spanNs = last.ownNs - first.ownNs;
    return spanNs < LEAST_SPAN_NS ? 0 : (last.offsetNs - first.offsetNs) / spanNs;
  }
}

function offsetAt({ fromNs, offsetNs, slope }: Course, ns: number): number {
  return offsetNs + slope * (ns - fromNs);
}
