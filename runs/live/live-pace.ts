import { type FleetModel, SeenPace } from "../../sim/index.ts";
import type { LiveFleet } from "./live-fleet.ts";
import type { LiveJob, LiveNotice } from "./live-job.ts";

type Times = Pick<ReturnType<FleetModel["timesOf"]>, "iterationNs">;

/** Of the time that passes, what simulations may take: jobs that train together for the first time are simulated. */
const SHARE = 0.02;

/** Iterations of a pipeline that nobody has looked at, and how long it was busy with them. */
interface Unseen {
  readonly count: number;
  readonly busyNs: number;
}

/**
 * How fast a live fleet is against what its simulation says, iteration by iteration; where simulations take too long, one
 * that is looked at stands for those before it.
 */
export class LivePace {
  readonly seen = new SeenPace();
  readonly #fleet: Pick<LiveFleet, "job" | "jobs" | "nowNs">;
  readonly #times: Times;
  /** By pipeline that has jobs, when an iteration ended there last, or it began to have them. */
  readonly #sinceNs = new Map<number, number>();
  readonly #unseen = new Map<number, Unseen>();
  /** No iteration is looked at before this time. */
  #nextMs = 0;

  constructor(fleet: Pick<LiveFleet, "job" | "jobs" | "nowNs" | "subscribe">, times: Times) {
    this.#fleet = fleet;
    this.#times = times;
    fleet.subscribe((notice) => this.#heard(notice));
  }

  #heard(notice: LiveNotice): void {
    if (notice.kind === "line") {
      const { atNs, decisions } = notice.line;
      for (const { kind, pipeline } of decisions)
        if ((kind === "start" || kind === "resume") && pipeline !== undefined && !this.#sinceNs.has(pipeline))
          this.#sinceNs.set(pipeline, atNs);
    }
    if (notice.kind === "step") this.#stepped(notice.metrics.job);
    if (notice.kind !== "line" && notice.kind !== "end") return;
    // Where nobody trains any more, time passes without work.
    for (const pipeline of this.#sinceNs.keys()) if (this.#on(pipeline).length === 0) this.#sinceNs.delete(pipeline);
  }

  /** Those that train together get an equal part each of what passes meanwhile. */
  #stepped(name: string): void {
    const { nowNs } = this.#fleet;
    const { pipeline, number } = this.#fleet.job(name);
    if (pipeline === undefined) return;
    const sinceNs = this.#sinceNs.get(pipeline);
    this.#sinceNs.set(pipeline, nowNs);
    if (sinceNs === undefined) return;
    const before = this.#unseen.get(pipeline) ?? { count: 0, busyNs: 0 };
    const [count, busyNs] = [before.count + 1, before.busyNs + Math.max(0, nowNs - sinceNs)];
    this.#unseen.set(pipeline, { count, busyNs });
    const began = performance.now();
    if (began < this.#nextMs) return;
    const together = this.#on(pipeline);
    const at = together.findIndex((each) => each.number === number);
    if (at < 0) return;
    this.#unseen.delete(pipeline);
    const iterationNs = this.#times.iterationNs(pipeline, together)[at]!;
    this.seen.add(busyNs, (count * iterationNs) / together.length);
    const now = performance.now();
    this.#nextMs = now + (now - began) / SHARE;
  }

  #on(pipeline: number): readonly LiveJob[] {
    return this.#fleet.jobs.filter((job) => job.pipeline === pipeline && job.endNs === undefined);
  }
}
