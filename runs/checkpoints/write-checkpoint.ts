import { linkSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, sum } from "../../core/index.ts";
import { type BestEvaluation, type JobState, writeJobState } from "../../exec/index.ts";
import { fileDigest, writeWholeFile, writeWholeFolder } from "../../files/index.ts";
import {
  CHECKPOINT_VERSION,
  type Checkpoint,
  type CheckpointJob,
  checkpointHash,
  jobDigest,
  type Plan,
  type PlannedJob,
} from "../../plan/index.ts";

/** In a run folder: a folder for each checkpoint, named by the steps that its jobs have made together. */
export const CHECKPOINTS = "checkpoints";
export const MANIFEST = "manifest.json";

/** A job's state in the folder of a checkpoint. */
export const stateFile = (job: string): string => `${job}.safetensors`;

/** The adapter of a job that has ended, in the folder of its run. */
export const adapterFile = (job: string): string => path.join("adapters", job, "adapter_model.safetensors");

/** The names of checkpoints that are there, torn ones too, oldest first. */
export function checkpointNames(run: string): readonly string[] {
  try {
    return readdirSync(path.join(run, CHECKPOINTS))
      .filter((name) => /^step-\d+$/.test(name))
      .sort((a, b) => Number(a.slice(5)) - Number(b.slice(5)));
  } catch {
    return [];
  }
}

/** The lowest loss of a job's evaluations, as a manifest has it. One that is not finite is as good as none. */
function bestOf(best: BestEvaluation | undefined): CheckpointJob["best"] {
  if (best === undefined || !Number.isFinite(best.evaluationLoss)) return null;
  return { step: best.step, evaluationLoss: best.evaluationLoss, isKept: best.adapter !== undefined };
}

/** A job that is not over, as a checkpoint is to have it. */
export interface SavedJob {
  readonly job: PlannedJob;
  /** Where it goes on from; undefined where that is what the checkpoint before has of it, or its start. */
  readonly state: JobState | undefined;
  /** As the checkpoint before has it; undefined for one that it has not, or that has made no step. */
  readonly before?: CheckpointJob | undefined;
  /** Steps that it has made where there is neither. */
  readonly firstStep?: number;
}

export interface CheckpointInput {
  /** The folder of the run. */
  readonly run: string;
  /** Of what is carried out: a plan, or a fleet's setting. */
  readonly planHash: string;
  readonly model: Pick<Plan["model"], "digest" | "architecture">;
  readonly jobs: readonly SavedJob[];
  /** Jobs that have ended, as a manifest has them. */
  readonly over: readonly CheckpointJob[];
  /** Steps of jobs that are over and not told of, for its name. */
  readonly numStepsBefore?: number;
  /** How many are kept. */
  readonly keep: number;
}

export interface WrittenCheckpoint {
  readonly name: string;
  /** In the order in which they were given. */
  readonly jobs: readonly CheckpointJob[];
}

/** A job that has ended, with its adapter's file (from the folder of the run). */
export function endedJob(run: string, job: PlannedJob, file: string, best: BestEvaluation | undefined): CheckpointJob {
  const { name, steps } = job;
  const known = { path: file, ...fileDigest(path.join(run, file)) };
  return { name, digest: jobDigest(job), step: steps, steps, file: known, best: bestOf(best) };
}

/** A job that was stopped: it is over, and nothing of it is kept. */
export function stoppedJob(job: PlannedJob): CheckpointJob {
  const { name, steps } = job;
  return { name, digest: jobDigest(job), step: steps, steps, file: null, best: null };
}

/**
 * Writes a checkpoint: a file of state for each job that trains, and a manifest with the digests of all files. It has its
 * name once all of it is on the disk; then the oldest ones go. @throws what the file system throws
 */
export function writeCheckpoint(input: CheckpointInput): WrittenCheckpoint {
  const { run, planHash, model, jobs, over, numStepsBefore = 0, keep } = input;
  const stepOf = ({ state, before, firstStep = 0 }: SavedJob): number => state?.step ?? before?.step ?? firstStep;
  const numSteps = numStepsBefore + sum([...jobs.map(stepOf), ...over.map(({ step }) => step)]);
  const name = `step-${String(numSteps).padStart(8, "0")}`;
  const folder = path.join(run, CHECKPOINTS, name);
  mkdirSync(path.dirname(folder), { recursive: true });
  let saved: readonly CheckpointJob[] = [];
  writeWholeFolder(folder, (unfinished) => {
    saved = jobs.map((job): CheckpointJob => {
      const { state, before, job: planned } = job;
      const { name: own, steps } = planned;
      const known = { name: own, digest: jobDigest(planned), step: stepOf(job), steps };
      const file = path.join(unfinished, stateFile(own));
      const placed = path.join(CHECKPOINTS, name, path.basename(file));
      if (state !== undefined) {
        writeJobState(file, model.architecture, state);
        return { ...known, file: { path: placed, ...fileDigest(file) }, best: bestOf(state.best) };
      }
      if (before === undefined || before.file === null) return { ...known, file: null, best: null };
      // A second name for what is on the disk already.
      linkSync(path.join(run, before.file.path), file);
      return { ...before, file: { ...before.file, path: placed } };
    });
    const content: Omit<Checkpoint, "hash"> = {
      kind: "checkpoint",
      version: CHECKPOINT_VERSION,
      planHash,
      modelDigest: model.digest,
      jobs: [...over, ...saved],
    };
    const manifest: Checkpoint = { ...content, hash: checkpointHash(content) };
    writeWholeFile(path.join(unfinished, MANIFEST), `${canonicalJson(manifest)}\n`);
  });
  const others = checkpointNames(run).filter((other) => other !== name);
  for (const old of others.slice(0, Math.max(0, others.length + 1 - keep))) removeCheckpoint(run, old);
  return { name, jobs: saved };
}

/** Without its manifest it is none. */
function removeCheckpoint(run: string, name: string): void {
  const folder = path.join(run, CHECKPOINTS, name);
  rmSync(path.join(folder, MANIFEST), { force: true });
  rmSync(folder, { recursive: true, force: true });
}
