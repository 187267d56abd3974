import { activeMembers, type Plan } from "../plan/index.ts";
import type { LoweredAction } from "./lower-plan.ts";

/** Says when a job has made its last update on every stage of its pipeline. */
export class JobEnds {
  readonly #plan: Plan;
  /** By job, stages that have not made it. */
  readonly #left: number[];

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#left = plan.jobs.map(() => 0);
    plan.groups.forEach(({ pipeline, members }) => {
      const { firstStage, endStage } = plan.pipelines[pipeline]!;
      for (const { job } of members) this.#left[job] = endStage - firstStage;
    });
  }

  /** An action has ended: the jobs that ended with it. */
  after({ action, ends }: LoweredAction): readonly number[] {
    if (action.letter !== "U" || ends === undefined) return [];
    return activeMembers(this.#plan.groups, ends.group, ends.step).flatMap(({ job, firstStep }) => {
      if (firstStep + ends.step < this.#plan.jobs[job]!.steps - 1) return [];
      this.#left[job]! -= 1;
      return this.#left[job] === 0 ? [job] : [];
    });
  }
}
