import type { Segment } from "../../plan/index.ts";
import type { PlanRun } from "../run/plan-run.ts";

/** Holds the first micro-batches of jobs until their states are on their devices. */
export class StateArrivals {
  readonly #starts: PlanRun["starts"];
  /** From numbers in the plan to those in the fleet. */
  readonly #numbers: number[] = [];
  /** By job, when its state is there; until its first micro-batch was seen. */
  readonly #due = new Map<number, number>();
  /** Members of the groups of the plan, by number from the first that was seen. */
  readonly #members: (readonly number[])[] = [];

  constructor(starts: PlanRun["starts"]) {
    this.#starts = starts;
  }

  expect(ready: ReadonlyMap<number, number>): void {
    for (const [number, ns] of ready) this.#due.set(number, ns);
  }

  /** The next segment of the plan, and the jobs that are new in it. */
  append({ groups, microBatches }: Segment, newJobs: readonly number[]): void {
    for (const number of newJobs) this.#numbers.push(number);
    for (const { members } of groups) this.#members.push(members.map(({ job }) => this.#numbers[job]!));
    if (this.#due.size === 0) return;
    for (const { index, group } of microBatches)
      for (const number of this.#members[group]!) {
        const ns = this.#due.get(number);
        if (ns === undefined) continue;
        this.#starts.hold(index, ns);
        this.#due.delete(number);
      }
  }
}
