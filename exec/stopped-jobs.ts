import { activeMembers, type LiveWork } from "../plan/index.ts";
import type { LoweredAction } from "./lowering.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** Why a job trains no further: the first of its steps whose loss or gradient is not finite. */
export interface Divergence {
  /** From 0. */
  readonly step: number;
  readonly what: "loss" | "gradient norm";
  /** NaN, or infinite. */
  readonly value: number;
}

/** What of an action is left out, since jobs of it were stopped before it came to its device. */
export interface LeftOut {
  readonly jobs: ReadonlySet<number>;
  /** Whether its micro-batch has rows of these alone: nothing is computed. */
  readonly all: boolean;
}

/** What makes a step the job's last one; undefined for a step that is as it should be. */
export function divergenceOf({ step, loss, gradNorm }: StepMetrics): Divergence | undefined {
  if (!Number.isFinite(loss)) return { step, what: "loss", value: loss };
  return Number.isFinite(gradNorm) ? undefined : { step, what: "gradient norm", value: gradNorm };
}

/** "its loss is NaN at step 7", steps from 1 as people count them. */
export function divergenceText({ step, what, value }: Divergence): string {
  return `its ${what} is ${value} at step ${step + 1}`;
}

/**
 * Jobs that are on the devices and train no further. A plan's orders do not change for them: their micro-batches pass
 * through the pipeline empty, and updates leave them out.
 */
export class StoppedJobs {
  readonly #live: LiveWork;
  readonly #jobs = new Map<number, Divergence>();

  constructor(live: LiveWork) {
    this.#live = live;
  }

  /** The first one counts. */
  add(job: number, divergence: Divergence): void {
    if (!this.#jobs.has(job)) this.#jobs.set(job, divergence);
  }

  has(job: number): boolean {
    return this.#jobs.has(job);
  }

  /** Nobody will ask for a job that has left. */
  forget(job: number): void {
    this.#jobs.delete(job);
  }

  /** What is left out of an action that comes to its device now; undefined where all of it is done. */
  leftOutOf({ action, miniBatch, microBatch }: LoweredAction): LeftOut | undefined {
    if (this.#jobs.size === 0) return undefined;
    const active = activeMembers(this.#live.groups, miniBatch.group, miniBatch.step);
    const jobs = new Set(active.flatMap(({ job }) => (this.#jobs.has(job) ? [job] : [])));
    if (jobs.size === 0) return undefined;
    return { jobs, all: action.letter !== "U" && microBatch.rows.every(([job]) => jobs.has(job)) };
  }
}
