import { activeMembers, type LiveWork, type MiniBatch, type Setting } from "../plan/index.ts";
import type { LoweredAction } from "./lowering.ts";

/** Says when a job has made its last update, and been evaluated behind it, on every stage of its pipeline. */
export class JobEnds {
  readonly #setting: Pick<Setting, "pipelines">;
  readonly #live: LiveWork;
  /** By job that has ended on some stages, those on which it has not. */
  readonly #left = new Map<number, number>();

  constructor(setting: Pick<Setting, "pipelines">, live: LiveWork) {
    this.#setting = setting;
    this.#live = live;
  }

  /** An action has ended: the jobs that ended with it. */
  after({ action, ends }: LoweredAction): readonly number[] {
    const { letter } = action;
    if ((letter !== "U" && letter !== "E") || ends === undefined) return [];
    const { groups, jobs } = this.#live;
    const { firstStage, endStage } = this.#setting.pipelines[groups[ends.group]!.pipeline]!;
    return activeMembers(groups, ends.group, ends.step).flatMap(({ job, firstStep }) => {
      const isEvaluated = this.#evaluates(ends, job);
      if (firstStep + ends.step < jobs[job]!.steps - 1 || isEvaluated !== (letter === "E")) return [];
      const left = (this.#left.get(job) ?? endStage - firstStage) - 1;
      if (left > 0) this.#left.set(job, left);
      else this.#left.delete(job);
      return left === 0 ? [job] : [];
    });
  }

  #evaluates({ evaluation = [] }: MiniBatch, job: number): boolean {
    return evaluation.some((index) => this.#live.microBatch(index).rows.some(([own]) => own === job));
  }
}
