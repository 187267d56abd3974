import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { type JobState, readJobState } from "../../exec/index.ts";
import { fileDigest, readWholeText } from "../../files/index.ts";
import {
  type Architecture,
  type Checkpoint,
  type CheckpointJob,
  checkpointHash,
  checkpointSchema,
  type PlannedJob,
  parseDocument,
} from "../../plan/index.ts";
import type { ReadCheckpoint } from "./check-saved-job.ts";
import { CHECKPOINTS, checkpointNames, MANIFEST } from "./write-checkpoint.ts";

/** A checkpoint that cannot be gone on from. */
export interface SkippedCheckpoint {
  readonly name: string;
  readonly why: string;
}

/** The newest checkpoint that is whole and of the run, and those that are newer and are not. */
export interface FoundCheckpoint {
  readonly name: string | undefined;
  /** Absent where there is none. */
  readonly checkpoint: Checkpoint | undefined;
  readonly skipped: readonly SkippedCheckpoint[];
}

/** @throws InputError where the state of a job is not there, or not as the checkpoint left it */
export function checkSavedFile(run: string, job: string, file: NonNullable<CheckpointJob["file"]>): void {
  const full = path.join(run, file.path);
  if (!existsSync(full))
    throw new InputError({ expected: `the file of job ${job}`, file: file.path, got: "no such file" });
  const { bytes, sha256 } = fileDigest(full);
  if (bytes !== file.bytes || sha256 !== file.sha256)
    throw new InputError({
      expected: `${file.bytes} bytes with SHA-256 ${file.sha256.slice(0, 12)}...`,
      file: file.path,
      got: bytes === file.bytes ? `${sha256.slice(0, 12)}...` : `${bytes} bytes`,
    });
}

/** Refuses one that is whole and of another run. @throws InputError */
export type CheckOwner = (checkpoint: Checkpoint, read: ReadCheckpoint) => void;

/** @throws InputError for one that is torn, or of another run */
export function readCheckpoint(run: string, name: string, checkOwner: CheckOwner): Checkpoint {
  const file = path.join(run, CHECKPOINTS, name, MANIFEST);
  if (!existsSync(file)) throw new InputError({ expected: `a ${MANIFEST}`, file: name, got: "no such file" });
  const checkpoint = parseDocument(checkpointSchema, readWholeText(file), file);
  if (checkpoint.hash !== checkpointHash(checkpoint))
    throw new InputError({ expected: "content that matches its hash", file, at: "hash", got: "other content" });
  checkOwner(checkpoint, { name, file });
  for (const job of checkpoint.jobs) if (job.file !== null) checkSavedFile(run, job.name, job.file);
  return checkpoint;
}

/** What a checkpoint has of its jobs, whoever's it is; undefined for one that is torn. Files are not looked at. */
export function readManifest(run: string, name: string): Checkpoint | undefined {
  const file = path.join(run, CHECKPOINTS, name, MANIFEST);
  try {
    const checkpoint = parseDocument(checkpointSchema, readWholeText(file), file);
    return checkpoint.hash === checkpointHash(checkpoint) ? checkpoint : undefined;
  } catch {
    return undefined;
  }
}

/** Looks at the checkpoints of a run, the newest first. */
export function findCheckpoint(run: string, checkOwner: CheckOwner): FoundCheckpoint {
  const skipped: SkippedCheckpoint[] = [];
  for (const name of checkpointNames(run).toReversed()) {
    try {
      return { name, checkpoint: readCheckpoint(run, name, checkOwner), skipped };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      skipped.push({ name, why: error.message.split("\n", 1)[0]! });
    }
  }
  return { name: undefined, checkpoint: undefined, skipped };
}

/** The state of a job as a checkpoint has it; undefined where it has made no step. @throws InputError */
export function stateOf(
  run: string,
  known: CheckpointJob | undefined,
  { adapter }: Pick<PlannedJob, "adapter">,
  architecture: Architecture,
): JobState | undefined {
  if (known === undefined || known.file === null) return undefined;
  return readJobState(path.join(run, known.file.path), adapter, architecture, {
    step: known.step,
    best: known.best === null ? undefined : { step: known.best.step, evaluationLoss: known.best.evaluationLoss },
    keepsBest: known.best?.isKept === true,
  });
}

/**
 * Puts aside what was skipped, for a person to look at, and clears away what was never finished, in the folder of a run
 * and in those in it.
 */
export function putAside(run: string, { skipped }: Pick<FoundCheckpoint, "skipped">): void {
  const folders = readdirSync(run, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const within of [run, ...folders.map(({ name }) => path.join(run, name))])
    for (const name of readdirSync(within))
      if (name.endsWith(".partial")) rmSync(path.join(within, name), { recursive: true });
  const folder = path.join(run, CHECKPOINTS);
  for (const { name } of skipped) {
    rmSync(path.join(folder, `${name}.skipped`), { recursive: true, force: true });
    renameSync(path.join(folder, name), path.join(folder, `${name}.skipped`));
  }
}
