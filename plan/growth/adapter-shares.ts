import { sum } from "../../core/index.ts";
import type { PlannedJob } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import { adapterBytes } from "../memory/memory-model.ts";
import type { GroupRoom } from "../schedules/admission.ts";

/** Bytes that a stage has for adapters, their gradients and moments. */
export function roomForAdapters({ memory }: Pick<Setting, "memory">, stage: number): number {
  const { adapters, optimizer } = memory[stage]!;
  return adapters + optimizer;
}

/** Of it, what a job takes while it trains. */
export function adapterBytesOn(
  { model, stages, devices }: Pick<Setting, "model" | "stages" | "devices">,
  index: number,
  job: PlannedJob,
): number {
  const stage = stages[index]!;
  return adapterBytes({ architecture: model.architecture, stage, kind: devices[stage.device]!.kind }, job);
}

/** The jobs of a group, and those that end with it. */
export interface GroupJobs {
  readonly all: ReadonlyMap<number, PlannedJob>;
  ended(): readonly number[];
}

/**
 * The room for adapters of a pipeline's stages: a job has its share from when its first group begins to when the last
 * one ends, and keeps it while its groups change.
 */
export class AdapterShares implements GroupRoom {
  readonly #setting: Setting;
  readonly #stages: readonly number[];
  readonly #jobsOf: (group: number) => GroupJobs;
  /** Jobs at once, even if there is room for more. */
  readonly #mostJobs: number;
  /** By job, bytes on each stage. */
  readonly #held = new Map<number, readonly number[]>();

  constructor(
    setting: Setting,
    stages: readonly number[],
    jobsOf: (group: number) => GroupJobs,
    mostJobs = Number.POSITIVE_INFINITY,
  ) {
    this.#setting = setting;
    this.#stages = stages;
    this.#jobsOf = jobsOf;
    this.#mostJobs = mostJobs;
  }

  /** The stage on which a group's jobs are too many even alone; undefined for none. */
  tooLarge(jobs: readonly PlannedJob[]): number | undefined {
    const bytes = jobs.map((job) => this.#bytesOf(job));
    return this.#stages.find((stage, at) => sum(bytes.map((each) => each[at]!)) > this.#roomOf(stage));
  }

  fits(group: number): boolean {
    const wanted = this.#joining(group).map(([, bytes]) => bytes);
    const together = [...this.#held.values(), ...wanted];
    // A group of more jobs trains alone.
    if (this.#held.size > 0 && together.length > this.#mostJobs) return false;
    return this.#stages.every((stage, at) => sum(together.map((bytes) => bytes[at]!)) <= this.#roomOf(stage));
  }

  enter(group: number): void {
    for (const [job, bytes] of this.#joining(group)) this.#held.set(job, bytes);
  }

  /** A job that has not ended is taken from the devices. */
  release(job: number): void {
    this.#held.delete(job);
  }

  leave(group: number): void {
    for (const job of this.#jobsOf(group).ended()) this.#held.delete(job);
  }

  #joining(group: number): readonly (readonly [number, readonly number[]])[] {
    const joining = [...this.#jobsOf(group).all].filter(([number]) => !this.#held.has(number));
    return joining.map(([number, job]) => [number, this.#bytesOf(job)]);
  }

  #roomOf(stage: number): number {
    return roomForAdapters(this.#setting, stage);
  }

  #bytesOf(job: PlannedJob): readonly number[] {
    return this.#stages.map((index) => adapterBytesOn(this.#setting, index, job));
  }
}
