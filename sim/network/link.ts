import { type Nanos, secondsToNanos } from "../../core/index.ts";
import type { SharedLine } from "./connection.ts";

/** A message's bytes on their way. `T` says whose they are. */
interface Flow<T> {
  readonly owner: T;
  remainingBytes: number;
}

/**
 * The wire of one lane, or of all transfers over a shared link. Flows in progress get the same rate, which is their
 * max-min fair share: each crosses this one bottleneck and has no limit of its own. Latency is not the wire's business.
 */
export class Wire<T> implements SharedLine<T> {
  readonly #bytesPerSecond: number;
  #flows: Flow<T>[] = [];
  #updatedNs = 0 as Nanos;
  #version = 0;

  constructor(bytesPerSecond: number) {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Changes with the set of flows: an end foretold under another version no longer holds. */
  get version(): number {
    return this.#version;
  }

  start(owner: T, bytes: number, nowNs: Nanos): void {
    this.#advance(nowNs);
    this.#flows.push({ owner, remainingBytes: bytes });
    this.#version += 1;
  }

  /** When the next flow ends if none starts before; null without flows. */
  nextEndNs(): Nanos | null {
    if (this.#flows.length === 0) return null;
    let least = Number.POSITIVE_INFINITY;
    for (const flow of this.#flows) least = Math.min(least, flow.remainingBytes);
    return (this.#updatedNs + this.#durationNs(least)) as Nanos;
  }

  /** Removes the flows that have ended and returns their owners in order of start. */
  takeEnded(nowNs: Nanos): readonly T[] {
    this.#advance(nowNs);
    const ended = this.#flows.filter((flow) => this.#durationNs(flow.remainingBytes) === 0);
    this.#flows = this.#flows.filter((flow) => !ended.includes(flow));
    this.#version += 1;
    return ended.map((flow) => flow.owner);
  }

  #advance(nowNs: Nanos): void {
    const elapsedSeconds = (nowNs - this.#updatedNs) / 1e9;
    this.#updatedNs = nowNs;
    for (const flow of this.#flows) flow.remainingBytes -= (elapsedSeconds * this.#bytesPerSecond) / this.#flows.length;
  }

  #durationNs(bytes: number): Nanos {
    return secondsToNanos((Math.max(bytes, 0) * this.#flows.length) / this.#bytesPerSecond);
  }
}
