import type { JobInput } from "../exec/job-input.ts";
import {
  createCostModel,
  GrowingPlan,
  groupRows,
  type Plan,
  type PlannedRow,
  type Segment,
  type Setting,
} from "../plan/index.ts";

/** Work of a job as a plan that grows takes it: rows by step and part. */
type Steps = readonly (readonly (readonly PlannedRow[])[])[];

/** Jobs that have come and not begun, so that one is there when another ends. */
const WAITING = 2;

/**
 * A plan that grows with short jobs, as many at once as are asked for: when one ends the next joins. Job k is like job k
 * of a static plan, counted round and round, whose setting it grows in.
 */
export class ShortJobs {
  readonly #growing: GrowingPlan;
  readonly #plan: Plan;
  readonly #steps: readonly Steps[];
  readonly #atOnce: number;
  #groups: number[] = [];
  #count = 0;

  constructor(plan: Plan, setting: Setting, atOnce: number) {
    this.#plan = plan;
    this.#atOnce = atOnce;
    this.#growing = new GrowingPlan(setting, createCostModel(plan.calibration, plan.model.dtype), {
      jobsAtOnce: atOnce,
    });
    this.#steps = plan.groups.map((_, group) => groupRows(plan.microBatches, group));
  }

  /** Jobs that have come. */
  get count(): number {
    return this.#count;
  }

  /** What is ordered in the next so many nanoseconds of the plan's clock; undefined for nothing. */
  next(horizonNs: number): Segment | undefined {
    this.#groups = this.#groups.filter((group) => this.#growing.isActive(group));
    while (this.#groups.length < this.#atOnce + WAITING) this.#groups.push(this.#addJob());
    return this.#growing.advance(0, this.#growing.nowNs(0) + horizonNs);
  }

  /** What the jobs that are new in a segment train on, from those of the static plan. */
  inputsOf(segment: Segment, inputs: readonly JobInput[]): readonly JobInput[] {
    return segment.jobs.map(({ name }) => inputs[Number(name.slice("job".length)) % inputs.length]!);
  }

  #addJob(): number {
    const template = this.#count % this.#plan.jobs.length;
    const job = this.#growing.addJob({ ...this.#plan.jobs[template]!, name: `job${this.#count}` });
    this.#count += 1;
    const steps = this.#steps[template]!.map((parts) =>
      parts.map((rows) => rows.map(([, ...row]): PlannedRow => [job, ...row])),
    );
    const members = [{ job, firstStep: 0, endStep: steps.length }];
    return this.#growing.admit({ group: { pipeline: 0, members }, steps });
  }
}

/** The setting of a plan with room for the adapters of so many jobs like its own. */
export function settingFor(plan: Plan, numJobs: number): Setting {
  const share = numJobs / plan.jobs.length;
  const memory = plan.memory.map((own) => {
    const more = Math.ceil((share - 1) * (own.adapters + own.optimizer));
    return { ...own, adapters: own.adapters + more, total: own.total + more };
  });
  return { ...plan, memory, slots: "first-fit" };
}
