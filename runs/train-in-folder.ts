import { DeviceError, shellQuoted } from "../core/index.ts";
import type { Row } from "../datasets/index.ts";
import {
  type ExecuteResult,
  listener,
  listeners,
  type ModelFolder,
  type RunListener,
  type StageHost,
} from "../exec/index.ts";
import type { Place } from "../files/index.ts";
import type { Plan, Spent } from "../plan/index.ts";
import { partOfRun, type RunPart } from "../traces/index.ts";
import { keepSpeed } from "../workbench/index.ts";
import type { CheckpointRhythm } from "./checkpoints/checkpoint-rhythm.ts";
import { Checkpoints } from "./checkpoints/checkpoints.ts";
import { hearWeights } from "./checkpoints/known-weights.ts";
import { adapterFile, endedJob, stoppedJob } from "./checkpoints/write-checkpoint.ts";
import { failed } from "./folder/journal.ts";
import { RunFolder } from "./folder/run-folder.ts";
import { jobsOfPlan } from "./loggers/logged-job.ts";
import { TensorBoardLog, type TensorBoardOptions } from "./loggers/tensorboard.ts";
import { beginPlanAgain, type ResumablePlan, resumedWork } from "./resume/resume-plan.ts";
import { resumedEvent } from "./resume/stopped-run.ts";
import { runVersions, trainPlan } from "./train-plan.ts";

/** A run that was written to its folder. */
export interface TrainedRun {
  readonly result: ExecuteResult;
  /** What was run, where that is not all of the plan. */
  readonly part: RunPart | undefined;
  /** What each job has taken of devices, in earlier parts of the run too. */
  readonly spent: ReadonlyMap<string, Spent>;
}

/** What is trained. */
export interface TrainInput {
  readonly plan: Plan;
  readonly model: ModelFolder;
  readonly data: readonly (readonly Row[])[];
  /** The run that the plan is the rest of. */
  readonly resumed?: ResumablePlan | undefined;
  /** The digest of the weights that it has to be trained on, where it is a run that is made again. */
  readonly weights?: string | undefined;
}

/** How, and who hears of it. */
export interface FolderTraining {
  readonly overwrite?: boolean;
  readonly rhythm: CheckpointRhythm;
  /** Ends the run after the mini-batches that have begun, with a checkpoint. */
  readonly stop: AbortSignal;
  /** This machine's devices when absent. */
  readonly host?: (() => StageHost) | undefined;
  /** Called once the folder is this process's, before anything is set up; what it gives is disposed of at the end. */
  readonly onLocked?: (run: RunFolder) => Disposable;
  /** Hears what the executor tells, behind the folder and its checkpoints. */
  readonly onEvent?: RunListener;
  readonly onCheckpointFailure: (why: string) => void;
  /** Where TensorBoard's event files are written, a folder for each job. */
  readonly tensorboard?: Pick<TensorBoardOptions, "folder" | "onFailure"> | undefined;
}

/**
 * Trains a plan and writes its folder as it happens, checkpoints included. Where `place` has a cache, how fast the
 * machine was is kept there.
 * @throws InputError, DeviceError
 */
export async function trainInFolder(
  place: Place,
  folder: string,
  { plan, model, data, resumed, weights: known = resumed?.weights }: TrainInput,
  how: FolderTraining,
): Promise<TrainedRun> {
  const work = resumed === undefined ? undefined : resumedWork(resumed, plan);
  using run = new RunFolder(
    place,
    folder,
    plan,
    resumed === undefined
      ? { overwrite: how.overwrite === true }
      : { prepare: () => beginPlanAgain(resumed, plan), spent: resumed.spent },
  );
  const { records } = run;
  const checkpoints = new Checkpoints({
    ...{ records, planHash: plan.hash, model: plan.model, rhythm: how.rhythm, onFailure: how.onCheckpointFailure },
    ...(work === undefined ? {} : { ended: work.ended }),
  });
  for (const [number, job] of plan.jobs.entries())
    if (work?.stopped.has(number) !== true) checkpoints.came(number, job, { state: work?.from[number] });
  using log = how.tensorboard && new TensorBoardLog({ ...how.tensorboard, model: plan.model.architecture });
  if (log !== undefined) for (const job of jobsOfPlan(plan, data)) log.came(job);
  using _untilTheEnd = how.onLocked?.(run);
  records.happened({ event: "started", versions: runVersions(plan), process: process.pid, plan: plan.hash });
  if (resumed !== undefined) records.happened(resumedEvent(resumed, resumed.done));
  let isTraining = false;
  const weights = { folder: model.folder, planned: plan.model.weightsDigest, before: known };
  // Behind the folder.
  const kept = listener({
    ready() {
      isTraining = true;
    },
    diverged: ({ job }) => checkpoints.ended(job, stoppedJob(plan.jobs[job]!)),
    ended({ job, best }) {
      const { name } = plan.jobs[job]!;
      log?.over(name);
      // One whose adapter could not be written yet is one that goes on, for a run that is resumed.
      if (run.adapters.has(name))
        checkpoints.ended(job, endedJob(records.folder, plan.jobs[job]!, adapterFile(name), best));
    },
    states: ({ states }) => checkpoints.write(states),
  });
  const result = await trainPlan(plan, model, data, {
    wantsStates: () => checkpoints.isDue,
    statesEverySteps: how.rhythm.steps,
    ...(work === undefined ? {} : { from: work.from, stopped: work.stopped, past: work.past }),
    stop: how.stop,
    ...(how.host === undefined ? {} : { host: how.host() }),
    onEvent: listeners([
      hearWeights(weights, records),
      records.hear,
      run.hear,
      // In front of the checkpoints: what one has is told of.
      ...(log === undefined ? [] : [log.hear]),
      kept,
      ...(how.onEvent === undefined ? [] : [how.onEvent]),
    ]),
  }).catch((error: unknown) => {
    records.happened(failed(error));
    if (!isTraining || !(error instanceof DeviceError)) throw error;
    const hint = `\`loratwin resume ${shellQuoted(folder)}\` goes on with what is left.`;
    throw new DeviceError({ hint, ...error.facts });
  });
  run.finish(result);
  if (place.cache === true) keepSpeed(plan, result.trace);
  const part =
    result.endedEarly || result.lastSteps.size > 0 ? partOfRun(plan, result.trace, result.lastSteps) : undefined;
  return { result, part, spent: records.spending.all() };
}
