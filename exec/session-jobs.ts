import { InvariantError } from "../core/index.ts";
import type { AdapterState } from "./adapters.ts";
import type { JobInput } from "./job-input.ts";
import { letGo } from "./state-pages.ts";

/** Where a job goes on from whose adapter is on its devices. */
const ON_DEVICES: AdapterState = {
  get parameters(): never {
    throw new InvariantError({ expected: "the state of a job that is on no device", got: "one on its devices" });
  },
};

/** What the jobs of a session that have not ended train on, and from. */
export class SessionJobs {
  readonly #inputs = new Map<number, JobInput>();
  readonly #leaving = new Set<number>();
  /** By job that comes, devices of its pipeline that have its adapter. */
  readonly #numMade = new Map<number, number>();

  get inputs(): ReadonlyMap<number, JobInput> {
    return this.#inputs;
  }

  /** Jobs that are to be taken. */
  get leaving(): ReadonlySet<number> {
    return this.#leaving;
  }

  has(job: number): boolean {
    return this.#inputs.has(job);
  }

  of(job: number): JobInput {
    return this.#inputs.get(job)!;
  }

  begin(job: number, input: JobInput): void {
    this.#inputs.set(job, input);
  }

  /** A device has a job's adapter, one of so many: once all have, nobody needs what they were made from. */
  made(job: number, numDevices: number): void {
    const count = (this.#numMade.get(job) ?? 0) + 1;
    this.#numMade.set(job, count);
    if (count < numDevices) return;
    this.#numMade.delete(job);
    letGo(this.of(job).start);
    this.#goesOnFrom(job, ON_DEVICES);
  }

  leave(job: number): void {
    this.#leaving.add(job);
  }

  /** A job is on no device any more. `state`: as it was left; undefined where it is as it was when it was taken last. */
  taken(job: number, state: AdapterState | undefined): void {
    this.#leaving.delete(job);
    if (state !== undefined) this.#goesOnFrom(job, state);
  }

  forget(job: number): void {
    const { start, reference } = this.of(job);
    letGo(start);
    letGo(reference);
    this.#inputs.delete(job);
  }

  #goesOnFrom(job: number, start: AdapterState): void {
    const { rows, reference } = this.of(job);
    this.#inputs.set(job, { rows, start, reference });
  }
}
