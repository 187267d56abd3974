import { type Nanos, secondsToNanos } from "../../core/index.ts";
import type { SharedLine } from "./connection.ts";
import { maxMinRates, type Route } from "./max-min.ts";

interface Flow<T> {
  readonly owner: T;
  readonly route: Route;
  remainingBytes: number;
}

/** Bytes on their way over links that they share, each flow at its max-min fair rate. `T` says whose they are. */
export class FlowNetwork<T> implements SharedLine<T> {
  readonly #bytesPerSecond: readonly number[];
  #flows: Flow<T>[] = [];
  #rates: readonly number[] = [];
  #updatedNs = 0 as Nanos;
  #version = 0;

  /** One rate a link, in the numbering of the routes. */
  constructor(bytesPerSecond: readonly number[]) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Changes with the set of flows: an end foretold under another version no longer holds. */
  get version(): number {
    return this.#version;
  }

  start(owner: T, bytes: number, nowNs: Nanos, route: Route): void {
    this.#advance(nowNs);
    this.#flows.push({ owner, route, remainingBytes: bytes });
    this.#changed();
  }

  /** When the next flow ends if none starts before; null without flows. */
  nextEndNs(): Nanos | null {
    if (this.#flows.length === 0) return null;
    let soonest = Number.POSITIVE_INFINITY;
    this.#flows.forEach((flow, index) => {
      soonest = Math.min(soonest, this.#durationNs(flow, index));
    });
    return (this.#updatedNs + soonest) as Nanos;
  }

  /** Removes the flows that have ended and returns their owners in order of start. */
  takeEnded(nowNs: Nanos): readonly T[] {
    this.#advance(nowNs);
    const ended = this.#flows.filter((flow, index) => this.#durationNs(flow, index) === 0);
    const gone = new Set(ended);
    this.#flows = this.#flows.filter((flow) => !gone.has(flow));
    this.#changed();
    return ended.map((flow) => flow.owner);
  }

  #changed(): void {
    this.#version += 1;
    this.#rates = maxMinRates(
      this.#flows.map(({ route }) => route),
      this.#bytesPerSecond,
    );
  }

  #advance(nowNs: Nanos): void {
    const seconds = (nowNs - this.#updatedNs) / 1e9;
    this.#updatedNs = nowNs;
    if (seconds === 0) return;
    this.#flows.forEach((flow, index) => {
      flow.remainingBytes = Math.max(0, flow.remainingBytes - seconds * this.#rates[index]!);
    });
  }

  #durationNs(flow: Flow<T>, index: number): Nanos {
    return secondsToNanos(flow.remainingBytes / this.#rates[index]!);
  }
}
