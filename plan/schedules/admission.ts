import type { ScheduleInput } from "./schedule-input.ts";

/**
 * Which groups may train: all at once, in the order in which they came; or no more jobs than a limit, the group with the
 * most work first, the next one when one has ended. A group of more jobs than the limit trains alone.
 */
export class Admission {
  readonly #limits: ScheduleInput["admission"];
  #waiting: number[] = [];
  #jobs = 0;

  constructor(limits: ScheduleInput["admission"]) {
    this.#limits = limits;
  }

  wait(group: number): void {
    this.#waiting.push(group);
  }

  /** Groups that may begin now, each told once. */
  begin(workOf: (group: number) => number): readonly number[] {
    if (this.#waiting.length === 0) return [];
    if (this.#limits === undefined) return this.#waiting.splice(0);
    const { limit, jobsOf } = this.#limits;
    const work = new Map(this.#waiting.map((group) => [group, workOf(group)]));
    this.#waiting.sort((a, b) => work.get(b)! - work.get(a)! || a - b);
    let count = 0;
    for (const group of this.#waiting) {
      const jobs = jobsOf(group);
      if (this.#jobs > 0 && this.#jobs + jobs > limit) break;
      this.#jobs += jobs;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** A group has no mini-batch left. */
  end(group: number): void {
    this.#jobs -= this.#limits?.jobsOf(group) ?? 0;
  }
}
