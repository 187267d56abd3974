import { activeJobs, type Plan, pipelineTable } from "../plan/index.ts";
import type { LoweredAction } from "./lower-plan.ts";

/** Says when a job has made its last update on every stage of its pipeline. */
export class JobEnds {
  readonly #plan: Plan;
  /** By job, stages that have not made it. */
  readonly #left: number[];

  constructor(plan: Plan) {
    const { ofGroup } = pipelineTable(plan);
    this.#plan = plan;
    this.#left = plan.jobs.map(() => 0);
    plan.groups.forEach((jobs, group) => {
      const { firstStage, endStage } = ofGroup(group);
      for (const job of jobs) this.#left[job] = endStage - firstStage;
    });
  }

  /** An action has ended: the jobs that ended with it. */
  after({ action, ends }: LoweredAction): readonly number[] {
    if (action.letter !== "U" || ends === undefined) return [];
    return activeJobs(this.#plan, ends.group, ends.step).filter((job) => {
      if (ends.step < this.#plan.jobs[job]!.steps - 1) return false;
      this.#left[job]! -= 1;
      return this.#left[job] === 0;
    });
  }
}
