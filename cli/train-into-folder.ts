import { EventEmitter } from "node:events";
import type { Row } from "../datasets/index.ts";
import type { ExecuteResult, ModelFolder } from "../exec/index.ts";
import type { Plan } from "../plan/index.ts";
import { partOfRun, type RunPart } from "../traces/index.ts";
import { keepSpeed, onInterrupt, RunFolder, runVersions, trainPlan } from "../workbench/index.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import { note, takenOver } from "./output.ts";
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
}

/**
 * Trains a plan, with progress for people, and writes its folder as it happens. The first Ctrl-C or SIGTERM ends the
 * run after the mini-batches that have begun, the second one ends the process.
 * @throws InputError, DeviceError
 */
export async function trainIntoFolder(
  io: Io,
  args: Arguments,
  folder: string,
  {
    plan,
    model,
    data,
  }: { readonly plan: Plan; readonly model: ModelFolder; readonly data: readonly (readonly Row[])[] },
): Promise<TrainedRun> {
  const progress = trainingProgress(io, args);
  const stop = new AbortController();
  using run = new RunFolder(io, folder, plan, { overwrite: args["overwrite"] === true });
  if (run.takenFrom !== undefined) note(io, args, takenOver(folder, run.takenFrom));
  using _interrupt = onInterrupt(
    io.signals ?? new EventEmitter(),
    () => {
      progress.stop();
      io.stderr("Ends after the mini-batches that have begun; Ctrl-C again ends at once.\n");
      run.journal({ event: "asked to end" });
      stop.abort();
    },
    (code) => {
      progress.stop();
      io.exit?.(code);
    },
  );
  run.journal({ event: "started", versions: runVersions(plan), process: process.pid });
  // Weights are packed and the machine's speed is probed before the first action.
  let isReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const setUp = stages(io, args)("setting up devices", () => ready);
  const result = await trainPlan(plan, model, data, {
    ...run.hooks,
    stop: stop.signal,
    onStart() {
      run.journal({ event: "ready" });
      isReady();
    },
    onProgress: (reported) => progress.update(reported),
  }).finally(async () => {
    isReady();
    await setUp;
    progress.stop();
  });
  run.finish(result);
  if (usesCache(args)) keepSpeed(plan, result.trace);
  const { adapters, best } = run;
  return { result, adapters, best, part: result.endedEarly ? partOfRun(plan, result.trace) : undefined };
}
