import path from "node:path";
import { InputError } from "../../core/index.ts";
import {
  type Checkpoint,
  type CheckpointJob,
  evaluatesAfter,
  jobDigest,
  type Plan,
  type PlannedJob,
  type Setting,
} from "../../plan/index.ts";
import { adapterFile, CHECKPOINTS, stateFile } from "./write-checkpoint.ts";

/** A checkpoint that was read: its name and its manifest. */
export interface ReadCheckpoint {
  readonly name: string;
  readonly file: string;
}

/** The file that a job has in a checkpoint follows from how far it is: none, its state, or its adapter when it has ended. */
function fileOf({ name, step, steps, file }: CheckpointJob, checkpoint: string): string | null {
  // One that was stopped is over, and nothing of it is kept.
  if (step === 0 || (step === steps && file === null)) return null;
  const state = path.join(CHECKPOINTS, checkpoint, stateFile(name));
  // One that has ended, and is told of once more beside those that it shares micro-batches with, has its state.
  return step === steps && file?.path !== state ? adapterFile(name) : state;
}

/** What a checkpoint has of a job is what it can have of the job as it is planned. @throws InputError */
function checkSavedJob(saved: CheckpointJob, job: PlannedJob, { name, file }: ReadCheckpoint): void {
  const refuse = (expected: string, key: string, got: unknown): never => {
    throw new InputError({ expected, file, at: `jobs.${job.name}.${key}`, got });
  };
  if (saved.digest !== jobDigest(job))
    throw new InputError({ expected: `job ${job.name} as the plan has it`, file, at: "jobs", got: "another one" });
  const { step, best } = saved;
  const { steps, firstStep = 0, evaluation } = job;
  if (saved.steps !== steps) refuse(`${steps}, as the plan has it,`, "steps", saved.steps);
  if (step < firstStep || step > steps) refuse(`a step of ${firstStep} to ${steps}`, "step", step);
  const expected = fileOf(saved, name);
  const given = saved.file?.path ?? null;
  if (given !== expected) refuse(expected === null ? "no file" : `file ${expected}`, "file", given);
  if (best === null) return;
  if (evaluation === undefined || best.step >= step || !evaluatesAfter(evaluation, best.step, steps))
    refuse("a step that has been made, and that the job is evaluated after", "best.step", best.step);
  if (best.isKept && evaluation?.keepBest !== true)
    refuse("false, since no best adapter is kept,", "best.isKept", true);
}

/** Jobs are there once, and a checkpoint is named by the steps that they have made together. @throws InputError */
function checkSteps({ jobs }: Checkpoint, { name, file }: ReadCheckpoint, isOfAll: boolean): void {
  const names = new Set(jobs.map((job) => job.name));
  if (names.size !== jobs.length)
    throw new InputError({ expected: "each job once", file, at: "jobs", got: jobs.map((job) => job.name) });
  const made = jobs.reduce((sum, { step }) => sum + step, 0);
  const named = Number(name.slice("step-".length));
  if (isOfAll ? made !== named : made > named)
    throw new InputError({
      expected: `jobs that have made ${named} steps together, as its name says,`,
      file,
      at: "jobs",
      got: made,
    });
}

/** What a checkpoint is of: a plan, or jobs over time. */
export interface CheckpointOwner {
  readonly model: Pick<Setting["model"], "digest">;
  /** Those that it can have, by name. */
  readonly jobs: ReadonlyMap<string, PlannedJob>;
  /** Those of a plan, which it has all; jobs over time are in it until they are over. */
  readonly needed?: Plan["jobs"];
}

/**
 * Refuses a checkpoint that has something else of jobs than it can have of them: a hash that was made to agree is not
 * believed.
 * @throws InputError
 */
export function checkOwned(checkpoint: Checkpoint, read: ReadCheckpoint, owner: CheckpointOwner): void {
  const { file } = read;
  const { model, jobs, needed } = owner;
  const refuse = (expected: string, at: string, got: unknown): never => {
    throw new InputError({ expected, file, at, got });
  };
  if (checkpoint.modelDigest !== model.digest) refuse("a checkpoint of this run", "modelDigest", "another model's");
  checkSteps(checkpoint, read, needed !== undefined);
  const lacking = needed?.find(({ name }) => checkpoint.jobs.every((saved) => saved.name !== name));
  if (lacking !== undefined) refuse(`job ${lacking.name} as the plan has it`, "jobs", "none");
  for (const saved of checkpoint.jobs)
    checkSavedJob(saved, jobs.get(saved.name) ?? refuse("jobs of this run", "jobs", saved.name), read);
}
