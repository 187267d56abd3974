import { type FleetModel, SeenPace } from "../../sim/index.ts";
import type { LiveFleet } from "./live-fleet.ts";
import type { LiveJob, LiveNotice } from "./live-job.ts";

type Times = Pick<ReturnType<FleetModel["timesOf"]>, "iterationNs">;

/** How fast a live fleet is, iteration by iteration, against what its simulation says. */
export class LivePace {
  readonly seen = new SeenPace();
  readonly #fleet: Pick<LiveFleet, "jobs" | "nowNs">;
  readonly #times: Times;
  /** By pipeline that has jobs, when an iteration ended there last, or it began to have them. */
  readonly #sinceNs = new Map<number, number>();

  constructor(fleet: Pick<LiveFleet, "jobs" | "nowNs" | "subscribe">, times: Times) {
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
    // Nobody trains there any more, so time passes without work.
    for (const pipeline of this.#sinceNs.keys()) if (this.#on(pipeline).length === 0) this.#sinceNs.delete(pipeline);
  }

  /** Those that train together get an equal part each of what passes meanwhile. */
  #stepped(name: string): void {
    const { jobs, nowNs } = this.#fleet;
    const { pipeline, number } = jobs.find(({ job }) => job.name === name)!;
    if (pipeline === undefined) return;
    const together = this.#on(pipeline);
    const at = together.findIndex((each) => each.number === number);
    const sinceNs = this.#sinceNs.get(pipeline);
    this.#sinceNs.set(pipeline, nowNs);
    if (at < 0 || sinceNs === undefined) return;
    const iterationNs = this.#times.iterationNs(pipeline, together)[at]!;
    this.seen.add(Math.max(0, nowNs - sinceNs), iterationNs / together.length);
  }

  #on(pipeline: number): readonly LiveJob[] {
    return this.#fleet.jobs.filter((job) => job.pipeline === pipeline && job.endNs === undefined);
  }
}
