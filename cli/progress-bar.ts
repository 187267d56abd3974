import { Presets, SingleBar } from "cli-progress";
import { formatSeconds } from "../core/index.ts";
import type { Progress } from "../exec/index.ts";
import { type Arguments, flag } from "./command.ts";
import type { Io } from "./io.ts";

/** Whole seconds, rounded up: finer digits only flicker. */
function timeLeft(seconds: number): string {
  return seconds < 60 ? `${Math.ceil(seconds)} s` : formatSeconds(seconds);
}

export interface TrainingBar {
  update(progress: Progress & { readonly totalActions: number }): void;
  stop(): void;
}

/** Tokens a second and the time left, on stderr; nothing without a terminal or with --quiet. */
export function trainingBar(io: Io, args: Arguments): TrainingBar {
  if (!io.isTty || flag(args, "quiet")) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      format: "training [{bar}] {percentage} %  {rate} tokens/s  {left} left",
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      barsize: 30,
      fps: 5,
    },
    Presets.legacy,
  );
  let started = false;
  return {
    update({ doneActions, totalActions, tokens, seconds }) {
      const left = doneActions === 0 ? 0 : (seconds * (totalActions - doneActions)) / doneActions;
      const payload = { rate: seconds === 0 ? "0" : (tokens / seconds).toFixed(0), left: timeLeft(left) };
      if (!started) bar.start(totalActions, doneActions, payload);
      started = true;
      bar.update(doneActions, payload);
    },
    stop: () => bar.stop(),
  };
}
