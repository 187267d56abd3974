import { type BestEvaluation, type ExecuteInput, type JobState, listener, type RunListener } from "../../exec/index.ts";
import type { CheckpointJob, Plan } from "../../plan/index.ts";
import type { RunFolder } from "../folder/run-folder.ts";
import { CheckpointClock, type CheckpointRhythm, eachOnce, logged } from "./checkpoint-rhythm.ts";
import {
  adapterFile,
  type CheckpointInput,
  endedJob,
  type SavedJob,
  stoppedJob,
  writeCheckpoint,
} from "./write-checkpoint.ts";

export interface CheckpointsInput {
  readonly run: RunFolder;
  readonly plan: Plan;
  readonly rhythm: CheckpointRhythm;
  /** By job, where it goes on from an earlier part of the run. */
  readonly from?: readonly (JobState | undefined)[];
  /** Jobs that ended in earlier parts. */
  readonly ended?: readonly CheckpointJob[];
  /** One could not be written: the run goes on, and what there is to go on from is the one before. */
  readonly onFailure: (why: string) => void;
}

/** Whether all steps of a job are made by its state. */
function isOverBy({ job, state, before, firstStep }: SavedJob): boolean {
  return (state?.step ?? before?.step ?? firstStep) === job.steps;
}

/** The checkpoints of a run, written as it goes on. */
export class Checkpoints {
  readonly #input: CheckpointsInput;
  /** By job of the plan that has not ended. */
  readonly #states = new Map<number, JobState>();
  readonly #ended: Map<string, CheckpointJob>;
  /** As the last checkpoint has them: of a job whose pipeline was lost nothing newer comes. */
  #saved: ReadonlyMap<string, CheckpointJob> = new Map();
  readonly #clock: CheckpointClock;

  constructor(input: CheckpointsInput) {
    this.#input = { ...input, onFailure: eachOnce(input.onFailure) };
    this.#clock = new CheckpointClock(input.rhythm);
    this.#ended = new Map(input.ended?.map((job) => [job.name, job]));
    input.from?.forEach((state, job) => {
      if (state !== undefined) this.#states.set(job, state);
    });
  }

  /** Hears what the executor tells, behind the run's folder. */
  readonly hear: RunListener = listener({
    diverged: ({ job }) => this.#jobStopped(job),
    ended: ({ job, best }) => this.#jobEnded(job, best),
    states: ({ states }) => this.#write(states),
  });

  /** When states are wanted of the executor. */
  get wanted(): Required<Pick<ExecuteInput, "wantsStates" | "statesEverySteps">> {
    return { wantsStates: () => this.#clock.isDue, statesEverySteps: this.#input.rhythm.steps };
  }

  /** A job has ended. One whose adapter could not be written yet is one that goes on, for a run that is resumed. */
  #jobEnded(index: number, best: BestEvaluation | undefined): void {
    const { plan, run } = this.#input;
    const job = plan.jobs[index]!;
    if (!run.adapters.has(job.name)) return;
    this.#states.delete(index);
    this.#ended.set(job.name, endedJob(run.folder, job, adapterFile(job.name), best));
  }

  /** A job was stopped, since its losses or gradients were not finite: it is over, and has no adapter. */
  #jobStopped(index: number): void {
    this.#states.delete(index);
    const job = this.#input.plan.jobs[index]!;
    this.#ended.set(job.name, stoppedJob(job));
  }

  #contentOf(states: ReadonlyMap<number, JobState>): Pick<CheckpointInput, "jobs" | "over"> {
    const { jobs } = this.#input.plan;
    // One that was told of and has ended since goes on from what was told, as those do that it shares micro-batches with.
    const told = new Set([...states.keys()].map((job) => jobs[job]!.name));
    const over = [...this.#ended.values()].filter((job) => !told.has(job.name));
    const names = new Set(over.map(({ name }) => name));
    const training = jobs.flatMap((job, index): SavedJob[] => {
      const { firstStep = 0 } = job;
      return names.has(job.name)
        ? []
        : [{ job, state: states.get(index), before: this.#saved.get(job.name), firstStep }];
    });
    return { jobs: training, over };
  }

  #write(told: ReadonlyMap<number, JobState>): void {
    const { run, plan, rhythm, onFailure } = this.#input;
    this.#clock.begin();
    const isOver = (job: number, { step }: JobState): boolean =>
      step === plan.jobs[job]!.steps && this.#ended.has(plan.jobs[job]!.name);
    const states = new Map([...this.#states, ...told].filter(([job, state]) => !isOver(job, state)));
    // From now on it is told of each time.
    for (const job of told.keys()) this.#states.delete(job);
    const log = { sync: () => run.sync(), journal: run.journal.bind(run), onFailure };
    const place = { run: run.folder, planHash: plan.hash, model: plan.model, keep: rhythm.keep };
    logged(log, () => {
      const content = this.#contentOf(states);
      // With nothing left to train there would be nothing to go on with, and the end of the run nobody's to write.
      if (content.jobs.every(isOverBy)) return undefined;
      const { name, jobs } = writeCheckpoint({ ...place, ...content });
      this.#saved = new Map(jobs.map((job) => [job.name, job]));
      return name;
    });
  }
}
