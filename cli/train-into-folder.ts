import { EventEmitter } from "node:events";
import { listener, lostText } from "../exec/index.ts";
import {
  onInterrupt,
  onNotice,
  type RunFolder,
  type TrainedRun,
  type TrainInput,
  trainInFolder,
} from "../runs/index.ts";
import { rankedHost } from "../workbench/index.ts";
import { activity } from "./activity.ts";
import { NOTICED, noticeFiles, noticeOf, rhythmOf } from "./checkpoint-options.ts";
import type { Arguments } from "./command.ts";
import { earlyText } from "./describe-run.ts";
import type { Io } from "./io.ts";
import { tensorboardFolder } from "./logger-options.ts";
import { note, takenOver, warn } from "./output.ts";
import { trainingProgress } from "./progress-bar.ts";
import { usesCache } from "./request-options.ts";

/** A run that was written to its folder, and whether it was ended since the machine is to be taken away. */
export interface ToldRun extends TrainedRun {
  readonly isNoticed: boolean;
}

/**
 * Trains a plan into its folder (`trainInFolder`), with progress for people. The first Ctrl-C or SIGTERM ends the run
 * after the mini-batches that have begun, with a checkpoint, the second one ends the process. So does a notice
 * (`onNotice`), and the process ends some time after it at the latest.
 * @throws InputError, DeviceError
 */
export async function trainIntoFolder(io: Io, args: Arguments, folder: string, input: TrainInput): Promise<ToldRun> {
  const { model } = input;
  const { world } = io;
  const progress = trainingProgress(io, args);
  const stop = new AbortController();
  const rhythm = rhythmOf(args);
  const notice = noticeOf(args);
  const signals = io.signals ?? new EventEmitter();
  const end = (text: string): void => {
    progress.stop();
    io.stderr(text);
    stop.abort();
  };
  let isNoticed = false;
  const waysToEnd = (run: RunFolder): Disposable => {
    const interrupt = onInterrupt(
      signals,
      () => {
        run.records.happened({ event: "asked to end" });
        end("Ends after the mini-batches that have begun; Ctrl-C again ends at once.\n");
      },
      (code) => {
        progress.stop();
        io.exit?.(code);
      },
    );
    let latest: NodeJS.Timeout | undefined;
    const files = noticeFiles(io, folder, notice);
    const noticed = onNotice({ signals, files, wasNoticed: io.wasNoticed, limit: notice.limit }, (why) => {
      isNoticed = true;
      run.records.happened({ event: "notice", why });
      latest = setTimeout(() => io.exit?.(NOTICED), 1000 * notice.seconds);
      end(`Noticed (${why}): ends with a checkpoint, in ${notice.seconds} s at the latest.\n`);
    });
    return {
      [Symbol.dispose]() {
        clearTimeout(latest);
        noticed[Symbol.dispose]();
        interrupt[Symbol.dispose]();
      },
    };
  };
  const folderForLog = tensorboardFolder(io, args, folder);
  const unwritten = (why: string): void => progress.above(() => warn(io, `event files could not be written: ${why}`));
  // Weights are packed and the machine's speed is probed before the first action.
  let isReady: () => void = () => {};
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  let setUp: Promise<void> | undefined;
  try {
    const place = { cwd: io.cwd, cache: usesCache(args), note: (text: string) => note(io, args, text) };
    const trained = await trainInFolder(place, folder, input, {
      overwrite: input.resumed === undefined && args["overwrite"] === true,
      rhythm,
      stop: stop.signal,
      host: world && (() => rankedHost(world, model, (text) => note(io, args, text))),
      onLocked(run) {
        if (run.records.takenFrom !== undefined) note(io, args, takenOver(folder, run.records.takenFrom));
        setUp = activity(io, args)("setting up devices", () => ready);
        return waysToEnd(run);
      },
      onEvent: listener({
        ready: isReady,
        progressed: (event) => progress.update(event.progress),
        ended({ job, best, stopped }) {
          if (stopped === undefined) return;
          const { name, steps } = input.plan.jobs[job]!;
          progress.above(() => note(io, args, `${name} is ${earlyText(stopped, steps, best)}`));
        },
        lost: ({ lost }) => progress.above(() => warn(io, lostText(lost, "the others go on"))),
      }),
      tensorboard: folderForLog === undefined ? undefined : { folder: folderForLog, onFailure: unwritten },
      onCheckpointFailure: (why) => progress.above(() => warn(io, `no checkpoint could be written: ${why}`)),
    });
    return { ...trained, isNoticed };
  } finally {
    isReady();
    await setUp;
    progress.stop();
  }
}
