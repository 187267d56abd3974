import type { Nanos } from "../core/index.ts";
import type { StageMemory } from "../plan/index.ts";
import type { CounterSample } from "../traces/index.ts";

/** Bytes in use on one device: what is always there, and the saved activations of the micro-batches in flight. */
export class MemoryMeter {
  readonly #device: number;
  readonly #staticBytes: number;
  readonly #activationBytes: number;
  readonly #peakInFlight: number;
  readonly #timesNs: number[] = [0];
  readonly #counts: number[] = [0];
  #inFlight = 0;

  /** `peakInFlight`: the most micro-batches in flight by the stage's order, which share `memory.activations`. */
  constructor(device: number, memory: StageMemory, peakInFlight: number) {
    this.#device = device;
    this.#staticBytes = memory.total - memory.activations;
    this.#activationBytes = memory.activations;
    this.#peakInFlight = Math.max(peakInFlight, 1);
  }

  /** A forward starts (1) or a backward has ended (-1). Keeps one sample an instant, and none where nothing changed. */
  change(delta: 1 | -1, timeNs: Nanos): void {
    this.#inFlight += delta;
    const times = this.#timesNs;
    const counts = this.#counts;
    if (times[times.length - 1] === timeNs) {
      times.pop();
      counts.pop();
    }
    if (counts[counts.length - 1] === this.#inFlight) return;
    times.push(timeNs);
    counts.push(this.#inFlight);
  }

  samples(): readonly CounterSample[] {
    return this.#timesNs.map((timeNs, index) => ({
      counter: "memory",
      device: this.#device,
      timeNs: timeNs as Nanos,
      value: this.#staticBytes + Math.round((this.#counts[index]! * this.#activationBytes) / this.#peakInFlight),
    }));
  }
}
