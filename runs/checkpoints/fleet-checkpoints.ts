import type { JobState } from "../../exec/index.ts";
import { type CheckpointJob, type PlannedJob, type Setting, settingHash } from "../../plan/index.ts";
import { CheckpointClock, type CheckpointLog, type CheckpointRhythm, logged } from "./checkpoint-rhythm.ts";
import { writeCheckpoint } from "./write-checkpoint.ts";

/** How often it is looked whether a checkpoint is due while nobody trains. */
const IDLE_MS = 1000;

export interface FleetCheckpointsInput {
  /** The folder of the fleet. */
  readonly folder: string;
  readonly setting: Setting;
  readonly rhythm: CheckpointRhythm;
  readonly log: CheckpointLog;
}

/** A job that has come and is not over. */
interface Kept {
  readonly job: PlannedJob;
  /** Where it goes on from, where no checkpoint has that yet. */
  state: JobState | undefined;
  /** As the last checkpoint has it. */
  saved: CheckpointJob | undefined;
}

/**
 * Checkpoints of jobs over time: those that train are told of while they do, those that were taken from their devices
 * are kept as they were then, and what has not changed since the last checkpoint is the same file under another name.
 * Jobs that are over are in none: their adapters are written, and the journal says so.
 */
export class FleetCheckpoints {
  readonly #input: FleetCheckpointsInput;
  readonly #clock: CheckpointClock;
  readonly #jobs = new Map<number, Kept>();
  /** Steps of jobs that are over. */
  #numStepsOver: number;

  /** `numStepsOver`: of a fleet that goes on. */
  constructor(input: FleetCheckpointsInput, numStepsOver = 0) {
    this.#input = input;
    this.#clock = new CheckpointClock(input.rhythm);
    this.#numStepsOver = numStepsOver;
  }

  get isDue(): boolean {
    return this.#clock.isDue;
  }

  /** A job has come, or is there again as a checkpoint has it. */
  came(number: number, job: PlannedJob, saved?: CheckpointJob): void {
    this.#jobs.set(number, { job, state: undefined, saved });
  }

  /** A job was taken from its devices. */
  left(number: number, state: JobState): void {
    const kept = this.#jobs.get(number);
    if (kept !== undefined) kept.state = state;
  }

  /** A job is over, after so many steps. */
  over(number: number, step: number): void {
    if (this.#jobs.delete(number)) this.#numStepsOver += step;
  }

  /** Until it is disposed of, writes a checkpoint that is due while nobody trains, when no device reports. */
  whileIdle(fleet: { readonly isIdle: boolean; readonly nowNs: number }): Disposable {
    const timer = setInterval(() => {
      if (this.isDue && fleet.isIdle) this.write(new Map(), fleet.nowNs);
    }, IDLE_MS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** `told`: states of jobs that train, by number. `atNs`: on the fleet's clock. */
  write(told: ReadonlyMap<number, JobState>, atNs: number): void {
    this.#clock.begin();
    for (const [number, state] of told) {
      const kept = this.#jobs.get(number);
      const known = kept?.state?.step ?? kept?.saved?.step ?? 0;
      if (kept !== undefined && state.step > known) kept.state = state;
    }
    const jobs = [...this.#jobs.values()];
    if (jobs.every(({ state }) => state === undefined)) return;
    const { folder, setting, rhythm, log } = this.#input;
    let saved: readonly CheckpointJob[] = [];
    const isThere = logged(
      log,
      () => {
        const written = writeCheckpoint({
          ...{ run: folder, planHash: settingHash(setting), model: setting.model, keep: rhythm.keep },
          jobs: jobs.map(({ job, state, saved: before }) => ({ job, state, before })),
          over: [],
          numStepsBefore: this.#numStepsOver,
        });
        saved = written.jobs;
        return written.name;
      },
      { atNs },
    );
    if (!isThere) return;
    jobs.forEach((kept, index) => {
      kept.saved = saved[index]!;
      kept.state = undefined;
    });
  }
}
