import type { ScheduleInput } from "./schedule-input.ts";

/** Nanoseconds of a group's work on the first stage. */
function workOf({ miniBatches, durationNs }: ScheduleInput, group: number): number {
  let ns = 0;
  for (const { microBatches } of miniBatches[group]!)
    for (const microBatch of microBatches) ns += durationNs(0, "F", microBatch) + durationNs(0, "B", microBatch);
  return ns;
}

/**
 * Which groups may train: all from the start, in their order; or no more jobs at once than a limit, the group with the
 * most work first, the next one when one has ended. A group of more jobs than the limit trains alone.
 */
export class Admission {
  readonly #input: ScheduleInput;
  readonly #waiting: number[];
  #jobs = 0;

  constructor(input: ScheduleInput) {
    const groups = [...input.miniBatches.keys()];
    this.#input = input;
    this.#waiting =
      input.admission === undefined
        ? groups
        : groups
            .map((group) => ({ group, work: workOf(input, group) }))
            .sort((a, b) => b.work - a.work || a.group - b.group)
            .map(({ group }) => group);
  }

  /** Groups that may begin now, each told once. */
  begin(): readonly number[] {
    const { admission } = this.#input;
    if (admission === undefined) return this.#waiting.splice(0);
    let count = 0;
    for (const group of this.#waiting) {
      const jobs = admission.jobsOf(group);
      if (this.#jobs > 0 && this.#jobs + jobs > admission.limit) break;
      this.#jobs += jobs;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** The last mini-batch of a group has ended. */
  end(group: number): void {
    this.#jobs -= this.#input.admission?.jobsOf(group) ?? 0;
  }
}
