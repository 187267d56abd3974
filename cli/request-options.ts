import { InputError } from "../core/index.ts";
import type { Context } from "../files/index.ts";
import { type Dtype, type Recompute, SCHEDULES, writtenBytesSchema } from "../plan/index.ts";
import { fleetSchedule, type SwitchedOff } from "../sim/index.ts";
import type { DeviceChoice, DrawChoice, IntervalChoice, RequestChoice, Sizes } from "../workbench/index.ts";
import { activity } from "./activity.ts";
import { type Arguments, flag, optionalCount, optionalText } from "./command.ts";
import type { Io } from "./io.ts";
import { note, warn } from "./output.ts";

/** What an operation gets of the world outside: notes go where all of them go. */
export function contextOf(io: Io, args: Arguments): Context {
  return {
    cwd: io.cwd,
    note: (text) => note(io, args, text),
    warn: (text) => warn(io, text),
    during: activity(io, args),
    get cache() {
      return usesCache(args);
    },
  };
}

/** A whole number, or one of some words, of which `auto` is the default. */
function countOr<Word extends string>(
  args: Arguments,
  name: string,
  ...others: readonly Word[]
): Word | "auto" | number {
  const words: readonly (Word | "auto")[] = ["auto", ...others];
  const text = optionalText(args, name) ?? "auto";
  const word = words.find((each) => each === text);
  if (word !== undefined) return word;
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new InputError({
      expected: `${words.join(", ")} or a whole number of at least 1`,
      at: `--${name}`,
      got: text,
    });
  return count;
}

type Choices = NonNullable<RequestChoice["choices"]>;

/** --recompute, over the workload's. */
export function recomputeChoice(args: Arguments): Choices {
  const recompute = optionalText(args, "recompute") as Recompute | undefined;
  return recompute === undefined ? {} : { recompute };
}

/** --layers-per-stage, whose sum the planner looks at. @throws InputError for anything but whole numbers */
function layersChoice(args: Arguments): Choices {
  const text = optionalText(args, "layers-per-stage");
  if (text === undefined) return {};
  const layersPerStage = text.split(",").map(Number);
  if (layersPerStage.some((count) => !Number.isSafeInteger(count) || count < 1))
    throw new InputError({
      expected: "whole numbers of at least 1 with commas between them, such as 8,8,8,8,",
      at: "--layers-per-stage",
      got: text,
    });
  return { layersPerStage };
}

/** What the options of plans alone choose. */
export function planChoices(args: Arguments): Choices {
  const schedule = SCHEDULES.find((name) => name === optionalText(args, "schedule"));
  const groups = optionalCount(args, "groups");
  return {
    ...recomputeChoice(args),
    ...layersChoice(args),
    ...(schedule === undefined ? {} : { schedule }),
    maxInFlight: countOr(args, "max-in-flight", "none"),
    pipelines: countOr<never>(args, "pipelines"),
    jobsAtOnce: countOr(args, "jobs-at-once", "all"),
    groups: groups ?? (flag(args, "fuse") ? "auto" : "unfused"),
  };
}

/** What the options of jobs over time choose. @throws InputError for a schedule that jobs cannot join */
function fleetChoices(args: Arguments): Choices {
  return {
    ...recomputeChoice(args),
    ...layersChoice(args),
    schedule: fleetSchedule(optionalText(args, "schedule") ?? "auto"),
    pipelines: countOr<never>(args, "pipelines"),
    jobsAtOnce: countOr(args, "jobs-at-once", "all"),
  };
}

/** DEVICE_OPTIONS as they were given. */
export function deviceChoice(args: Arguments): DeviceChoice {
  return {
    cluster: optionalText(args, "cluster"),
    devices: optionalText(args, "devices"),
    gpu: optionalText(args, "gpu"),
    catalog: optionalText(args, "catalog"),
  };
}

/** Where a workload runs, with what costs and dtype, and what else is chosen of it. */
export function requestChoice(args: Arguments, choices: Choices = {}): RequestChoice {
  return {
    ...deviceChoice(args),
    calibration: optionalText(args, "calibration"),
    dtype: optionalText(args, "dtype") as Dtype | undefined,
    choices,
  };
}

/** @throws InputError for what are no bytes */
function hostMemory(args: Arguments): number | undefined {
  const given = optionalText(args, "host-memory");
  if (given === undefined) return undefined;
  const { data } = writtenBytesSchema.safeParse(/^\d+$/.test(given) ? Number(given) : given);
  if (data === undefined)
    throw new InputError({ expected: "bytes, such as 8GiB or 500MB,", at: "--host-memory", got: given });
  return data;
}

/** What a command is asked for whose jobs come over time. @throws InputError for a schedule that jobs cannot join */
export function fleetRequestChoice(args: Arguments): RequestChoice {
  return {
    ...requestChoice(args, fleetChoices(args)),
    sizes: optionalText(args, "sizes") as Sizes | undefined,
    hostMemory: hostMemory(args),
  };
}

/** The same of a command that takes VERIFY_OPTIONS. @throws InputError as it does */
export function verifiedFleetChoice(args: Arguments): RequestChoice {
  return { ...fleetRequestChoice(args), verifyWeights: flag(args, "verify-weights") };
}

/** What a command that plans is asked for. */
export function planRequestChoice(args: Arguments): RequestChoice {
  return requestChoice(args, planChoices(args));
}

/** The same of a command that takes VERIFY_OPTIONS. */
export function verifiedRequestChoice(args: Arguments): RequestChoice {
  return { ...planRequestChoice(args), verifyWeights: flag(args, "verify-weights") };
}

/** Quantiles of as many runs are known to a thousandth. */
const MOST_SAMPLES = 100_000;

/** INTERVAL_OPTIONS as they were given; undefined with --no-intervals. */
export function drawChoice(args: Arguments): DrawChoice | undefined {
  if (args["intervals"] === false) return undefined;
  const samples = optionalCount(args, "samples");
  if (samples !== undefined && samples > MOST_SAMPLES)
    throw new InputError({ expected: `at most ${MOST_SAMPLES}`, at: "--samples", got: samples });
  return { samples, seed: optionalCount(args, "seed", 0) ?? 0 };
}

/** What is asked of a plan's intervals, for which --cache counts too. */
export function intervalChoice(args: Arguments): IntervalChoice | undefined {
  const withHistory = usesCache(args);
  const draws = drawChoice(args);
  return draws === undefined ? undefined : { ...draws, withHistory };
}

/** Whether tokenized rows and the speed of this machine are kept, and reckoned with. */
export function usesCache(args: Arguments): boolean {
  return args["cache"] !== false;
}

/** What --no-overlap and --no-pruning switch off. */
export function switchedOff(args: Arguments): SwitchedOff {
  return { overlap: args["overlap"] === false, pruning: args["pruning"] === false };
}
