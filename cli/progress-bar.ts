import { Presets, SingleBar } from "cli-progress";
import { formatSeconds } from "../core/index.ts";
import type { RunProgress } from "../exec/index.ts";
import { type Arguments, flag } from "./command.ts";
import type { Io } from "./io.ts";

/** Where nobody looks at a terminal, so often a line says how far a run is. */
export const LINE_EVERY_MS = 10_000;

/** Whole seconds, rounded up: finer digits only flicker. */
export function timeLeft(seconds: number): string {
  return seconds < 60 ? `${Math.ceil(seconds)} s` : formatSeconds(seconds);
}

export interface TrainingProgress {
  update(progress: RunProgress): void;
  /** Says something while it goes on. */
  above(say: () => void): void;
  stop(): void;
}

/** What both say: tokens a second, and the time that is left. */
function figures({ doneActions, totalActions, tokens, seconds }: RunProgress) {
  const left = doneActions === 0 ? 0 : (seconds * (totalActions - doneActions)) / doneActions;
  return { rate: seconds === 0 ? "0" : (tokens / seconds).toFixed(0), left: timeLeft(left) };
}

function bar(): TrainingProgress {
  const drawn = new SingleBar(
    {
      format: "training [{bar}] {percentage} %  {rate} tokens/s  {left} left",
      stream: process.stderr,
      // The cursor and the wrapping of lines stay as they are: however the process ends, nothing has to be put back.
      hideCursor: false,
      linewrap: true,
      clearOnComplete: true,
      barsize: 30,
      fps: 5,
    },
    Presets.legacy,
  );
  let state: "new" | "drawn" | "stopped" = "new";
  return {
    update(progress) {
      if (state === "stopped") return;
      const { doneActions, totalActions } = progress;
      if (state === "new") drawn.start(totalActions, doneActions, figures(progress));
      state = "drawn";
      drawn.setTotal(totalActions);
      drawn.update(doneActions, figures(progress));
    },
    above(say) {
      // The bar's line is taken from it, and drawn anew below what is said.
      if (state === "drawn") process.stderr.write("\r\u001b[2K");
      say();
    },
    stop() {
      if (state === "drawn") drawn.stop();
      state = "stopped";
    },
  };
}

function lines(io: Io): TrainingProgress {
  let saidMs = performance.now();
  return {
    update(progress) {
      if (performance.now() - saidMs < LINE_EVERY_MS) return;
      saidMs = performance.now();
      const { doneActions, totalActions } = progress;
      const { rate, left } = figures(progress);
      io.stderr(`training: ${Math.floor((100 * doneActions) / totalActions)} %, ${rate} tokens/s, ${left} left\n`);
    },
    above: (say) => say(),
    stop: () => {},
  };
}

/** How far a run is, on stderr: a bar on a terminal, else a line now and then; nothing with --quiet. */
export function trainingProgress(io: Io, args: Arguments): TrainingProgress {
  if (flag(args, "quiet")) return { update: () => {}, above: (say) => say(), stop: () => {} };
  return io.isTty ? bar() : lines(io);
}
