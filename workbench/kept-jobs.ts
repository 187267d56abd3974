import { InputError, InvariantError } from "../core/index.ts";
import type { KeptJob } from "./kept-job.ts";
import { OVER } from "./live-job.ts";

/** The jobs of a live fleet, by number and by name. */
export class KeptJobs {
  readonly #jobs: KeptJob[] = [];
  readonly #byName = new Map<string, KeptJob>();

  /** In the order of arrival, with those that are over. */
  get all(): readonly KeptJob[] {
    return this.#jobs;
  }

  /** The next one. */
  add(kept: KeptJob): void {
    this.#jobs.push(kept);
    this.#byName.set(kept.job.name, kept);
  }

  of(number: number): KeptJob {
    const kept = this.#jobs[number];
    if (kept === undefined) throw new InvariantError({ expected: "a job of the fleet", got: number });
    return kept;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** @throws InputError where none has the name */
  named(name: string): KeptJob {
    const kept = this.#byName.get(name);
    if (kept === undefined) throw new InputError({ expected: "a job of the fleet", at: "name", got: name });
    return kept;
  }

  /** @throws InputError where none has the name, or it is over */
  open(name: string): KeptJob {
    const kept = this.named(name);
    if (OVER.includes(kept.standing))
      throw new InputError({ expected: "a job that is not over", got: `${name}, which is ${kept.standing}` });
    return kept;
  }
}
