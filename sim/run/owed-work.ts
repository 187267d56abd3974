import { type OwnWorkCosts, QUEUED, type Setting } from "../../plan/index.ts";

/** Work on a stage for which the plan is cut into a segment: between what is queued at least and at most. */
const SEGMENT_NS = (QUEUED.leastNs + QUEUED.mostNs) / 2;

/**
 * What JavaScript does for a plan that grows, on the cores of its devices: it takes an idle core where there is one, and
 * the next action that begins on a busy machine waits for it otherwise.
 */
export class OwedWork {
  readonly #cores: number;
  /** By stage: cores of its device, and own work for a nanosecond of an action. */
  readonly #threads: readonly number[];
  readonly #share: readonly number[];
  #busy = 0;
  #owedNs = 0;
  #sinceNs = 0;

  constructor({ devices, stages, pipelines }: Pick<Setting, "devices" | "stages" | "pipelines">, costs: OwnWorkCosts) {
    this.#cores = costs.cores;
    this.#threads = stages.map(({ device }) => (devices[device]!.kind === "cpu" ? devices[device]!.threads : 0));
    this.#share = stages.map((_, stage) => {
      const { firstStage, endStage } = pipelines.find((own) => stage >= own.firstStage && stage < own.endStage)!;
      return (1e9 * costs.segmentSeconds) / (SEGMENT_NS * (endStage - firstStage));
    });
  }

  /** An action begins that takes so long by itself; how much longer it takes. */
  began(stage: number, durationNs: number, nowNs: number): number {
    this.#settle(nowNs);
    this.#busy += this.#threads[stage]!;
    this.#owedNs += this.#share[stage]! * durationNs;
    if (this.#busy < this.#cores) return 0;
    const ns = Math.round(this.#owedNs);
    this.#owedNs = 0;
    return ns;
  }

  ended(stage: number, nowNs: number): void {
    this.#settle(nowNs);
    this.#busy -= this.#threads[stage]!;
  }

  /** Idle cores have worked it off. */
  #settle(nowNs: number): void {
    if (this.#busy < this.#cores) this.#owedNs = Math.max(0, this.#owedNs - (nowNs - this.#sinceNs));
    this.#sinceNs = nowNs;
  }
}
