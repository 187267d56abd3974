import { mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, sum } from "../core/index.ts";
import { writeWholeFile, writeWholeFolder } from "../datasets/index.ts";
import { type BestEvaluation, type JobState, writeJobState } from "../exec/index.ts";
import {
  CHECKPOINT_VERSION,
  type Checkpoint,
  type CheckpointJob,
  checkpointHash,
  jobDigest,
  type Plan,
  type PlannedJob,
} from "../plan/index.ts";
import { fileDigest } from "./file-digest.ts";

/** In a run folder: a folder for each checkpoint, named by the steps that its jobs have made together. */
export const CHECKPOINTS = "checkpoints";
export const MANIFEST = "manifest.json";

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

export interface CheckpointInput {
  /** The folder of the run. */
  readonly run: string;
  readonly plan: Plan;
  /** By job of the plan that has made a step and not ended. */
  readonly states: ReadonlyMap<number, JobState>;
  /** Jobs that have ended, also before this plan, as a manifest has them. */
  readonly ended: ReadonlyMap<string, CheckpointJob>;
  /** How many are kept. */
  readonly keep: number;
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
 * name once all of it is on the disk; then the oldest ones go. Returns its name. @throws what the file system throws
 */
export function writeCheckpoint({ run, plan, states, ended, keep }: CheckpointInput): string {
  const stepOf = (job: number): number => states.get(job)?.step ?? plan.jobs[job]!.firstStep ?? 0;
  // One that was told of and has ended since goes on from what was told, as those do that it shares micro-batches with.
  const told = new Set([...states.keys()].map((job) => plan.jobs[job]!.name));
  const over = [...ended.values()].filter((job) => !told.has(job.name));
  const training = plan.jobs.flatMap(({ name }, job) => (over.some((each) => each.name === name) ? [] : [job]));
  const numSteps = sum([...training.map(stepOf), ...over.map(({ step }) => step)]);
  const name = `step-${String(numSteps).padStart(8, "0")}`;
  const folder = path.join(run, CHECKPOINTS, name);
  mkdirSync(path.dirname(folder), { recursive: true });
  writeWholeFolder(folder, (unfinished) => {
    const jobs = training.map((index): CheckpointJob => {
      const job = plan.jobs[index]!;
      const known = { name: job.name, digest: jobDigest(job), step: stepOf(index), steps: job.steps };
      const state = states.get(index);
      if (state === undefined) return { ...known, file: null, best: null };
      const file = path.join(unfinished, `${job.name}.safetensors`);
      writeJobState(file, job.adapter, plan.model.architecture, state);
      const placed = path.join(CHECKPOINTS, name, path.basename(file));
      return { ...known, file: { path: placed, ...fileDigest(file) }, best: bestOf(state.best) };
    });
    const content: Omit<Checkpoint, "hash"> = {
      kind: "checkpoint",
      version: CHECKPOINT_VERSION,
      planHash: plan.hash,
      modelDigest: plan.model.digest,
      jobs: [...over, ...jobs],
    };
    const manifest: Checkpoint = { ...content, hash: checkpointHash(content) };
    writeWholeFile(path.join(unfinished, MANIFEST), `${canonicalJson(manifest)}\n`);
  });
  const others = checkpointNames(run).filter((other) => other !== name);
  for (const old of others.slice(0, Math.max(0, others.length + 1 - keep))) removeCheckpoint(run, old);
  return name;
}

/** Without its manifest it is none. */
function removeCheckpoint(run: string, name: string): void {
  const folder = path.join(run, CHECKPOINTS, name);
  rmSync(path.join(folder, MANIFEST), { force: true });
  rmSync(folder, { recursive: true, force: true });
}
