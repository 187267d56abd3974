import path from "node:path";
import type { BestEvaluation, ExecuteInput, JobState, StepMetrics } from "../exec/index.ts";
import type { CheckpointJob, Plan } from "../plan/index.ts";
import { RUN_FILES, type RunFolder } from "./run-folder.ts";
import { endedJob, stoppedJob, writeCheckpoint } from "./write-checkpoint.ts";

/** When checkpoints are written, and how many are kept. */
export interface CheckpointRhythm {
  /** Minutes from one to the next; 0 for none by time. */
  readonly minutes: number;
  /** Steps of the job that has made the most since the last one; 0 for none by steps. */
  readonly steps: number;
  readonly keep: number;
}

/** Every so many minutes, where nobody says otherwise. */
export const DEFAULT_RHYTHM: CheckpointRhythm = { minutes: 10, steps: 0, keep: 2 };

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

/** A file of a job that has ended, from the folder of its run. */
const adapterFile = (name: string): string => path.join(RUN_FILES.adapters, name, "adapter_model.safetensors");

/** The checkpoints of a run, written as it goes on. */
export class Checkpoints {
  readonly #input: CheckpointsInput;
  /** By job of the plan that has not ended. */
  readonly #states = new Map<number, JobState>();
  readonly #ended: Map<string, CheckpointJob>;
  /** Steps since the last checkpoint, by job. */
  readonly #made = new Map<string, number>();
  #lastMs = performance.now();

  constructor(input: CheckpointsInput) {
    this.#input = input;
    this.#ended = new Map(input.ended?.map((job) => [job.name, job]));
    input.from?.forEach((state, job) => {
      if (state !== undefined) this.#states.set(job, state);
    });
  }

  /** A job has made a step. */
  stepped({ job }: Pick<StepMetrics, "job">): void {
    this.#made.set(job, (this.#made.get(job) ?? 0) + 1);
  }

  /** A job has ended. One whose adapter could not be written yet is one that goes on, for a run that is resumed. */
  jobEnded(index: number, best: BestEvaluation | undefined): void {
    const { plan, run } = this.#input;
    const job = plan.jobs[index]!;
    if (!run.adapters.has(job.name)) return;
    this.#states.delete(index);
    this.#ended.set(job.name, endedJob(run.folder, job, adapterFile(job.name), best));
  }

  /** A job was stopped, since its losses or gradients were not finite: it is over, and has no adapter. */
  jobStopped(index: number): void {
    this.#states.delete(index);
    const job = this.#input.plan.jobs[index]!;
    this.#ended.set(job.name, stoppedJob(job));
  }

  readonly hooks: Required<Pick<ExecuteInput, "wantsStates" | "onStates">> = {
    wantsStates: () => this.#isDue(),
    onStates: (states) => this.#write(states),
  };

  #isDue(): boolean {
    const { minutes, steps } = this.#input.rhythm;
    if (minutes > 0 && performance.now() - this.#lastMs >= 60_000 * minutes) return true;
    return steps > 0 && [...this.#made.values()].some((made) => made >= steps);
  }

  #write(told: ReadonlyMap<number, JobState>): void {
    const { run, plan, rhythm, onFailure } = this.#input;
    const began = performance.now();
    this.#lastMs = began;
    this.#made.clear();
    try {
      // What is said of the steps before the checkpoint is there when it is.
      run.sync();
      const isOver = (job: number, { step }: JobState): boolean =>
        step === plan.jobs[job]!.steps && this.#ended.has(plan.jobs[job]!.name);
      const states = new Map([...this.#states, ...told].filter(([job, state]) => !isOver(job, state)));
      // From now on it is told of each time.
      for (const job of told.keys()) this.#states.delete(job);
      const name = writeCheckpoint({ run: run.folder, plan, states, ended: this.#ended, keep: rhythm.keep });
      run.journal({ event: "checkpoint", name, seconds: (performance.now() - began) / 1000 });
    } catch (error) {
      // What the file system refuses ends no training.
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      const why = (error as Error).message;
      run.journal({ event: "checkpoint failed", why });
      onFailure(why);
    }
  }
}
