import { held, type JobState, letGo } from "../../exec/index.ts";
import type { CheckpointJob, Plan, PlannedJob } from "../../plan/index.ts";
import { CheckpointClock, type CheckpointLog, type CheckpointRhythm, eachOnce, logged } from "./checkpoint-rhythm.ts";
import { type SavedJob, writeCheckpoint } from "./write-checkpoint.ts";

/** How often it is looked whether a checkpoint is due while nobody trains. */
const IDLE_MS = 1000;

export interface CheckpointsInput extends CheckpointLog {
  /** Of what is carried out: a plan, or a fleet's setting. */
  readonly planHash: string;
  readonly model: Pick<Plan["model"], "digest" | "architecture">;
  readonly rhythm: CheckpointRhythm;
  /** Jobs of a plan that ended in earlier parts of the run. */
  readonly ended?: readonly CheckpointJob[];
}

/** A job that is in checkpoints. */
interface Kept {
  readonly job: PlannedJob;
  readonly firstStep: number;
  /** Where it goes on from, where no checkpoint has that yet. */
  state: JobState | undefined;
  /** As the last checkpoint has it. */
  saved: CheckpointJob | undefined;
  /** As manifests have it since it ended. */
  ended: CheckpointJob | undefined;
}

/** What was kept of a job before is let go. */
function goesOnFrom(kept: Kept, state: JobState | undefined): void {
  letGo(kept.state?.state);
  kept.state = state;
}

/** Steps of a job that are made by its state. */
function stepOf({ state, saved, firstStep }: Kept): number {
  return state?.step ?? saved?.step ?? firstStep;
}

function hasNoSteps(kept: Kept): boolean {
  return stepOf(kept) === kept.job.steps;
}

/** What there is of a job that comes: as an earlier checkpoint has it, or the state that it starts with. */
export interface JobBefore {
  readonly saved?: CheckpointJob | undefined;
  readonly state?: JobState | undefined;
}

/**
 * The checkpoints of a run, written as it goes on. What has not changed since the last checkpoint is the same file under
 * another name. Jobs of a plan stay in checkpoints when they have ended. Jobs over time do not: their adapters are
 * written, and the journal says so.
 */
export class Checkpoints {
  readonly #input: CheckpointsInput;
  readonly #clock: CheckpointClock;
  readonly #jobs = new Map<number, Kept>();
  /** Steps of jobs that are in no checkpoint any more. */
  #numStepsOver = 0;

  constructor(input: CheckpointsInput) {
    this.#input = { ...input, onFailure: eachOnce(input.onFailure) };
    this.#clock = new CheckpointClock(input.rhythm);
  }

  get isDue(): boolean {
    return this.#clock.isDue;
  }

  /** A job has come. */
  came(number: number, job: PlannedJob, { saved, state }: JobBefore = {}): void {
    this.#jobs.set(number, { job, firstStep: job.firstStep ?? 0, state, saved, ended: undefined });
  }

  /** A job was taken from its devices, perhaps before it has made a step there. */
  left(number: number, { step, state, best }: JobState): void {
    const kept = this.#jobs.get(number);
    if (kept !== undefined && step > stepOf(kept)) goesOnFrom(kept, { step, state: held(state), best });
  }

  /** A job of a plan has ended, or was stopped. */
  ended(number: number, job: CheckpointJob): void {
    this.#jobs.get(number)!.ended = job;
  }

  /** A job is over after so many steps, and is in no further checkpoint. */
  over(number: number, step: number): void {
    const kept = this.#jobs.get(number);
    if (kept === undefined) return;
    goesOnFrom(kept, undefined);
    this.#jobs.delete(number);
    this.#numStepsOver += step;
  }

  /** Until it is disposed of, writes a checkpoint that is due while nobody trains, when no device reports. */
  whileIdle(fleet: { readonly isIdle: boolean; readonly nowNs: number }): Disposable {
    const timer = setInterval(() => {
      if (this.isDue && fleet.isIdle) this.write(new Map(), fleet.nowNs);
    }, IDLE_MS);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  /** `told`: states of jobs that train, by number. `atNs`: on a fleet's clock. */
  write(told: ReadonlyMap<number, JobState>, atNs?: number): void {
    this.#clock.begin();
    for (const [number, state] of told) {
      const kept = this.#jobs.get(number);
      if (kept !== undefined && state.step > stepOf(kept)) goesOnFrom(kept, state);
    }
    const all = [...this.#jobs.entries()];
    // One that was told of and has ended since goes on from what was told, as those do that it shares micro-batches with.
    const isOver = ([number, { job, ended }]: (typeof all)[number]): boolean =>
      ended !== undefined && (told.get(number)?.step ?? job.steps) === job.steps;
    const jobs = all.filter((entry) => !isOver(entry)).map(([, kept]) => kept);
    // With nothing new, or nothing left to train, there would be nothing to go on with.
    if (jobs.every(({ state }) => state === undefined) || jobs.every(hasNoSteps)) return;
    const { records, planHash, model, rhythm, ended = [] } = this.#input;
    const over = [...ended, ...all.filter(isOver).map(([, kept]) => kept.ended!)];
    let saved: readonly CheckpointJob[] = [];
    const write = (): string => {
      const written = writeCheckpoint({
        ...{ run: records.folder, planHash, model, keep: rhythm.keep, over, numStepsBefore: this.#numStepsOver },
        jobs: jobs.map(({ job, state, saved: before, firstStep }): SavedJob => ({ job, state, before, firstStep })),
      });
      saved = written.jobs;
      return written.name;
    };
    if (!logged(this.#input, write, atNs === undefined ? {} : { atNs })) return;
    jobs.forEach((kept, index) => {
      kept.saved = saved[index]!;
      goesOnFrom(kept, undefined);
    });
  }
}
