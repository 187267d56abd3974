import { InvariantError } from "../../core/index.ts";

/**
 * A clock that goes as a device does, whose speed moves over time: its actions take their predicted times on it. By
 * windows of equal length, in each of which actions take so many times what is predicted for them; the last one goes on.
 */
export class DeviceClock {
  readonly #windowNs: number;
  readonly #slower: readonly number[];
  /** Of this clock, at the beginning of each window. */
  readonly #workNs: readonly number[];

  /** @throws InvariantError for a factor that is not positive, or none */
  constructor(windowNs: number, slower: readonly number[]) {
    if (slower.length === 0 || !slower.every((factor) => factor > 0 && Number.isFinite(factor)))
      throw new InvariantError({ expected: "positive factors, one for each window", got: slower });
    this.#windowNs = windowNs;
    this.#slower = slower;
    const starts = [0];
    for (const factor of slower) starts.push(starts.at(-1)! + windowNs / factor);
    this.#workNs = starts;
  }

  /** How much slower than predicted, over all windows. */
  get slower(): number {
    return (this.#slower.length * this.#windowNs) / this.#workNs.at(-1)!;
  }

  #windowAt(ns: number): number {
    return Math.min(Math.floor(ns / this.#windowNs), this.#slower.length - 1);
  }

  /** Of this clock at a time, in nanoseconds. */
  workNs(ns: number): number {
    const window = this.#windowAt(ns);
    return this.#workNs[window]! + (ns - window * this.#windowNs) / this.#slower[window]!;
  }

  /** When an action ends that starts at a time and is predicted to take so long; whole nanoseconds. */
  endNs(startNs: number, predictedNs: number): number {
    const untilNs = this.workNs(startNs) + predictedNs;
    let window = this.#windowAt(startNs);
    while (window + 1 < this.#slower.length && this.#workNs[window + 1]! < untilNs) window += 1;
    const endNs = window * this.#windowNs + (untilNs - this.#workNs[window]!) * this.#slower[window]!;
    return Math.max(startNs, Math.round(endNs));
  }
}
