import { InputError, InvariantError } from "../../core/index.ts";
import type { AdapterState } from "../../exec/index.ts";
import type { SchedulerState } from "../../plan/index.ts";
import type { FleetState } from "../../sim/index.ts";
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

  /** To be paused by a person. @throws InputError where none has the name, or it is over or is paused so already */
  unpaused(name: string): KeptJob {
    const kept = this.open(name);
    if (kept.pausedBy.has("user")) throw new InputError({ expected: "a job that is not paused", got: name });
    return kept;
  }

  /** One that a person has paused. @throws InputError where none has the name, or nobody has */
  paused(name: string): KeptJob {
    const kept = this.open(name);
    if (kept.pausedBy.has("user")) return kept;
    throw new InputError({
      expected: "a job that is paused",
      got: `${name}, which is ${kept.standing}`,
      ...(kept.pausedBy.has("halving") ? { hint: "It waits for others of its sweep, and goes on by itself." } : {}),
    });
  }

  /** Where one that has trained and is on no device goes on from. @throws InputError where none has the name, or it is not */
  stateOf(name: string): AdapterState {
    const { state, standing } = this.named(name);
    if (state === undefined)
      throw new InputError({
        expected: "a job that has trained and is not training now",
        got: `${name}, which is ${standing}`,
        ...(standing === "running" || standing === "leaving" ? { hint: "Pause it first." } : {}),
      });
    return state;
  }

  /** Those on devices, for a simulation of what is to come. */
  placed({ jobs }: SchedulerState): FleetState["placed"] {
    // One that has ended is on its devices until the last stage has; of the iteration that is under way, half, since
    // nobody knows; of the last one, that is so while it is evaluated.
    return jobs
      .filter(({ pipeline }) => pipeline !== undefined)
      .map(({ number, iterations }) => ({ number, done: Math.min(this.of(number).done, iterations - 1), left: 0.5 }));
  }
}
