import type { Nanos } from "../core/index.ts";
import type { StageMemory } from "../plan/index.ts";
import type { CounterSample } from "../traces/index.ts";

/** Bytes in use on one device: what is always there, and the saved activations of the micro-batches in flight. */
export class MemoryMeter {
  readonly #device: number;
  readonly #staticBytes: number;
  readonly #activationBytes: number;
  readonly #peakInFlight: number;
  readonly #samples: { counter: "memory"; device: number; timeNs: Nanos; value: number }[] = [];
  #inFlight = 0;

  /** `peakInFlight`: the most micro-batches in flight by the stage's order, which share `memory.activations`. */
  constructor(device: number, memory: StageMemory, peakInFlight: number) {
    this.#device = device;
    this.#staticBytes = memory.total - memory.activations;
    this.#activationBytes = memory.activations;
    this.#peakInFlight = Math.max(peakInFlight, 1);
    this.#sample(0 as Nanos);
  }

  get samples(): readonly CounterSample[] {
    return this.#samples;
  }

  /** A forward starts (1) or a backward has ended (-1). */
  change(delta: 1 | -1, timeNs: Nanos): void {
    this.#inFlight += delta;
    this.#sample(timeNs);
  }

  /** One sample an instant, and none where nothing changed. */
  #sample(timeNs: Nanos): void {
    const samples = this.#samples;
    if (samples[samples.length - 1]?.timeNs === timeNs) samples.pop();
    const value = this.#staticBytes + Math.round((this.#inFlight * this.#activationBytes) / this.#peakInFlight);
    if (samples[samples.length - 1]?.value !== value)
      samples.push({ counter: "memory", device: this.#device, timeNs, value });
  }
}
