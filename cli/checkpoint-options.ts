import { InputError } from "../core/index.ts";
import { type CheckpointRhythm, DEFAULT_RHYTHM } from "../workbench/index.ts";
import { type Arguments, optionalCount, optionalNumber, optionalText } from "./command.ts";
import type { OptionTable } from "./option-table.ts";

/** The options of a run that writes checkpoints, and ends with one when its machine is to be taken away. */
export const CHECKPOINT_OPTIONS = {
  "checkpoint-minutes": {
    type: "number",
    default: DEFAULT_RHYTHM.minutes,
    describe: "minutes from one checkpoint to the next, 0 for none by time",
  },
  "checkpoint-steps": {
    type: "number",
    describe: "also a checkpoint each time that some job has made so many steps",
  },
  "keep-checkpoints": { type: "number", default: DEFAULT_RHYTHM.keep, describe: "how many of the newest are kept" },
  "notice-file": {
    type: "string",
    describe: "end with a checkpoint once this file is there (default: notice in the run folder); so does SIGUSR2",
  },
  "notice-seconds": {
    type: "number",
    default: 30,
    describe: "and at the latest so long after that, with what the last checkpoint has",
  },
} as const satisfies OptionTable;

/** Exit code of a run that ended since its machine is to be taken away: EX_TEMPFAIL of sysexits.h, "try again". */
export const NOTICED = 75;

/** A number of at least 0, or the option's default. @throws InputError */
function notNegative(args: Arguments, name: "checkpoint-minutes" | "notice-seconds"): number {
  const value = optionalNumber(args, name) ?? CHECKPOINT_OPTIONS[name].default;
  if (value < 0) throw new InputError({ expected: "a number of at least 0", at: `--${name}`, got: value });
  return value;
}

/** @throws InputError */
export function rhythmOf(args: Arguments): CheckpointRhythm {
  return {
    minutes: notNegative(args, "checkpoint-minutes"),
    steps: optionalCount(args, "checkpoint-steps") ?? 0,
    keep: optionalCount(args, "keep-checkpoints") ?? DEFAULT_RHYTHM.keep,
  };
}

/** @throws InputError */
export function noticeOf(args: Arguments): { readonly file: string | undefined; readonly seconds: number } {
  return { file: optionalText(args, "notice-file"), seconds: notNegative(args, "notice-seconds") };
}
