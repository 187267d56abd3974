import type { OwnWorkCosts, Setting } from "../../plan/index.ts";

/** So long a core has to be idle before the operating system moves to it what runs on another. */
const FOUND_NS = 10e6;

/**
 * What JavaScript does for a plan that grows, on the cores of its devices. It comes in bursts: each interrupts a device at
 * work, unless a core has been idle for long.
 */
export class OwedWork {
  readonly #cores: number;
  readonly #perActionNs: number;
  readonly #burstNs: number;
  /** By stage: cores of its device. */
  readonly #threads: readonly number[];
  #busy = 0;
  #owedNs = 0;
  /** When the last of the cores was taken or given back. */
  #fullNs = Number.NEGATIVE_INFINITY;

  constructor(
    { devices, stages }: Pick<Setting, "devices" | "stages">,
    { perActionSeconds, burstSeconds, cores }: OwnWorkCosts,
  ) {
    this.#cores = cores;
    this.#perActionNs = 1e9 * perActionSeconds;
    this.#burstNs = 1e9 * burstSeconds;
    this.#threads = stages.map(({ device }) => (devices[device]!.kind === "cpu" ? devices[device]!.threads : 0));
  }

  /** An action begins; how much longer it takes. */
  began(stage: number, nowNs: number): number {
    this.#busy += this.#threads[stage]!;
    if (this.#busy >= this.#cores) this.#fullNs = nowNs;
    this.#owedNs += this.#perActionNs;
    if (this.#owedNs < this.#burstNs) return 0;
    this.#owedNs -= this.#burstNs;
    return nowNs - this.#fullNs < FOUND_NS ? Math.round(this.#burstNs) : 0;
  }

  ended(stage: number, nowNs: number): void {
    if (this.#busy >= this.#cores) this.#fullNs = nowNs;
    this.#busy -= this.#threads[stage]!;
  }
}
