import path from "node:path";
import { InputError } from "../core/index.ts";
import { absolute, type Place } from "../files/index.ts";
import { type CheckpointRhythm, DEFAULT_RHYTHM, type NoticeLimit, RUN_FILES } from "../runs/index.ts";
import { type Arguments, optionalCount, optionalNumber, optionalPositive, optionalText } from "./command.ts";
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
    describe: "also a checkpoint of each so many-th step of some job",
  },
  "keep-checkpoints": { type: "number", default: DEFAULT_RHYTHM.keep, describe: "how many of the newest are kept" },
  "notice-file": {
    type: "string",
    describe: "end with a checkpoint once this file is there; so do notice in the run folder and SIGUSR2",
  },
  "notice-seconds": {
    type: "number",
    default: 30,
    describe: "and at the latest so long after that, with what the last checkpoint has",
  },
  "max-hours": { type: "number", describe: "end like that after so many hours of this process" },
  "max-cost": { type: "number", describe: "the same once it has cost so much, at --cost-per-hour" },
  "cost-per-hour": { type: "number", describe: "what the machine costs", beside: "max-cost" },
} as const satisfies OptionTable;

/** Exit code of a run that a person has ended: 128 and the number of SIGINT, as a shell has it. */
export const INTERRUPTED = 130;

/** Exit code of a run that ended since its machine is to be taken away: EX_TEMPFAIL of sysexits.h, "try again". */
export const NOTICED = 75;

/** A number of at least 0, or the option's default. @throws InputError */
function notNegative(args: Arguments, name: "checkpoint-minutes" | "notice-seconds"): number {
  const value = optionalNumber(args, name) ?? CHECKPOINT_OPTIONS[name].default;
  if (value < 0) throw new InputError({ expected: "a number of at least 0", at: `--${name}`, got: value });
  return value;
}

/** When checkpoints are written. @throws InputError */
export function timesOfCheckpoints(args: Arguments): Omit<CheckpointRhythm, "keep"> {
  return {
    minutes: notNegative(args, "checkpoint-minutes"),
    steps: optionalCount(args, "checkpoint-steps") ?? 0,
  };
}

/** @throws InputError */
export function rhythmOf(args: Arguments): CheckpointRhythm {
  return { ...timesOfCheckpoints(args), keep: optionalCount(args, "keep-checkpoints") ?? DEFAULT_RHYTHM.keep };
}

/** The time or money that a process may take, whichever is over first. @throws InputError */
function limitOf(args: Arguments): NoticeLimit | undefined {
  const [hours, cost, perHour] = [
    optionalPositive(args, "max-hours"),
    optionalPositive(args, "max-cost"),
    optionalPositive(args, "cost-per-hour"),
  ];
  if (cost !== undefined && perHour === undefined)
    throw new InputError({ expected: "--cost-per-hour beside --max-cost", got: "none" });
  const byCost = cost === undefined ? Number.POSITIVE_INFINITY : cost / perHour!;
  if (hours !== undefined && hours <= byCost) return { seconds: 3600 * hours, why: `--max-hours ${hours}` };
  return cost === undefined ? undefined : { seconds: 3600 * byCost, why: `--max-cost ${cost}` };
}

/** When a run ends with a checkpoint though nobody interrupts it. */
export interface NoticeChoice {
  readonly file: string | undefined;
  readonly seconds: number;
  readonly limit: NoticeLimit | undefined;
}

/** --notice-seconds. @throws InputError */
export function noticeSecondsOf(args: Arguments): number {
  return notNegative(args, "notice-seconds");
}

/** @throws InputError */
export function noticeOf(args: Arguments): NoticeChoice {
  const [file, seconds] = [optionalText(args, "notice-file"), noticeSecondsOf(args)];
  return { file, seconds, limit: limitOf(args) };
}

/** Files that tell a run to end: the one in its folder, which `notice` writes, and one of its user's own. */
export function noticeFiles(place: Place, folder: string, { file }: Pick<NoticeChoice, "file">): readonly string[] {
  const own = path.join(folder, RUN_FILES.notice);
  return [own, ...(file === undefined ? [] : [file])].map((each) => absolute(place, each));
}
