import { EventEmitter } from "node:events";
import path from "node:path";
import { DeviceError, shellQuoted } from "../core/index.ts";
import type { Row } from "../datasets/index.ts";
import { type ExecuteResult, lostText, type ModelFolder } from "../exec/index.ts";
import type { Plan } from "../plan/index.ts";
import { partOfRun, type RunPart } from "../traces/index.ts";
import {
  absolute,
  beginAgain,
  Checkpoints,
  checkWeights,
  failed,
  keepSpeed,
  onInterrupt,
  onNotice,
  type ResumableRun,
  RUN_FILES,
  RunFolder,
  rankedHost,
  resumedWork,
  runVersions,
  trainPlan,
} from "../workbench/index.ts";
import { NOTICED, noticeOf, rhythmOf } from "./checkpoint-options.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import { note, takenOver, warn } from "./output.ts";
import { trainingProgress } from "./progress-bar.ts";
import { usesCache } from "./request-options.ts";
import { stages } from "./stages.ts";

/** A run that was written to its folder. */
export interface TrainedRun {
  readonly result: ExecuteResult;
  /** Of each job that made a step. */
  readonly adapters: ReadonlyMap<string, string>;
  /** The same of those with the lowest loss, where it was looked at. */
  readonly best: ReadonlyMap<string, string>;
  /** What was run, where an end was asked for before the plan's. */
  readonly part: RunPart | undefined;
  /** Whether that was since the machine is to be taken away. */
  readonly isNoticed: boolean;
}

export interface TrainInput {
  readonly plan: Plan;
  readonly model: ModelFolder;
  readonly data: readonly (readonly Row[])[];
  /** The run that the plan is the rest of. */
  readonly resumed?: ResumableRun | undefined;
  /** The digest of the weights that it has to be trained on, where it is a run that is made again. */
  readonly weights?: string | undefined;
}

/**
 * Trains a plan, with progress for people, and writes its folder as it happens, checkpoints included. The first Ctrl-C or
 * SIGTERM ends the run after the mini-batches that have begun, with a checkpoint, the second one ends the process. So
 * does a notice (`onNotice`), and the process ends some time after it at the latest.
 * @throws InputError, DeviceError
 */
export async function trainIntoFolder(
  io: Io,
  args: Arguments,
  folder: string,
  { plan, model, data, resumed, weights: known = resumed?.weights }: TrainInput,
): Promise<TrainedRun> {
  const progress = trainingProgress(io, args);
  const stop = new AbortController();
  const rhythm = rhythmOf(args);
  const notice = noticeOf(args);
  const work = resumed === undefined ? undefined : resumedWork(resumed, plan);
  using run = new RunFolder(
    io,
    folder,
    plan,
    resumed === undefined
      ? { overwrite: args["overwrite"] === true }
      : { prepare: () => void beginAgain(resumed, plan) },
  );
  if (run.takenFrom !== undefined) note(io, args, takenOver(folder, run.takenFrom));
  const checkpoints = new Checkpoints({
    run,
    plan,
    rhythm,
    ...(work === undefined ? {} : work),
    onFailure: (why) => progress.above(() => warn(io, `no checkpoint could be written: ${why}`)),
  });
  const signals = io.signals ?? new EventEmitter();
  const end = (text: string): void => {
    progress.stop();
    io.stderr(text);
    stop.abort();
  };
  using _interrupt = onInterrupt(
    signals,
    () => {
      run.journal({ event: "asked to end" });
      end("Ends after the mini-batches that have begun; Ctrl-C again ends at once.\n");
    },
    (code) => {
      progress.stop();
      io.exit?.(code);
    },
  );
  let isNoticed = false;
  let latest: NodeJS.Timeout | undefined;
  const file = absolute(io, notice.file ?? path.join(folder, RUN_FILES.notice));
  using _notice = onNotice({ signals, file, limit: notice.limit }, (why) => {
    isNoticed = true;
    run.journal({ event: "notice", why });
    latest = setTimeout(() => io.exit?.(NOTICED), 1000 * notice.seconds);
    end(`Noticed (${why}): ends with a checkpoint, in ${notice.seconds} s at the latest.\n`);
  });
  run.journal({ event: "started", versions: runVersions(plan), process: process.pid, plan: plan.hash });
  if (resumed !== undefined) {
    const { done, found } = resumed;
    run.journal({
      event: "resumed",
      checkpoint: found.name ?? null,
      steps: Object.fromEntries(done),
      skipped: found.skipped,
    });
  }
  // Weights are packed and the machine's speed is probed before the first action.
  let isReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const setUp = stages(io, args)("setting up devices", () => ready);
  const { hooks } = run;
  let isTraining = false;
  let weights: string | undefined;
  const result = await trainPlan(plan, model, data, {
    ...hooks,
    ...checkpoints.hooks,
    ...(work === undefined ? {} : { from: work.from }),
    stop: stop.signal,
    ...(io.world === undefined ? {} : { host: rankedHost(io.world, model, (text) => note(io, args, text)) }),
    onDiverged(job, divergence) {
      hooks.onDiverged?.(job, divergence);
      checkpoints.jobStopped(job);
    },
    onJobEnd(job, adapter, best) {
      hooks.onJobEnd?.(job, adapter, best);
      checkpoints.jobEnded(job, best);
    },
    onLost(lost) {
      hooks.onLost?.(lost);
      const names = lost.jobs.map((job) => plan.jobs[job]!.name);
      progress.above(() => warn(io, lostText(lost, names, "the others go on")));
    },
    onWeights(digest) {
      checkWeights(digest, { folder: model.folder, planned: plan.model.weightsDigest, before: known });
      weights = digest;
    },
    onStart() {
      isTraining = true;
      run.journal({ event: "ready", ...(weights === undefined ? {} : { weights }) });
      isReady();
    },
    onProgress: (reported) => progress.update(reported),
  })
    .catch((error: unknown) => {
      run.journal(failed(error));
      if (!isTraining || !(error instanceof DeviceError)) throw error;
      const hint = `\`loratwin train --resume ${shellQuoted(folder)}\` goes on with what is left.`;
      throw new DeviceError({ hint, ...error.facts });
    })
    .finally(async () => {
      isReady();
      await setUp;
      progress.stop();
    });
  run.finish(result);
  clearTimeout(latest);
  if (usesCache(args)) keepSpeed(plan, result.trace);
  const { adapters, best } = run;
  const part = result.endedEarly ? partOfRun(plan, result.trace) : undefined;
  return { result, adapters, best, part, isNoticed };
}
