import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { absolute, fileError, isFolder, type Place } from "../../files/index.ts";

/** What a run carries out: a closed plan, or jobs over time on which a scheduler decides. */
export type RunKind = "plan" | "fleet";

/** What such a folder is called where people read of it. */
export const RUN_WORDS = { plan: "run folder", fleet: "live fleet's folder" } as const;

/** All that belongs to a run in its folder, of whichever kind, beside its checkpoints. */
export const RUN_FILES = {
  /** Of a closed plan: the plan, the rest of one where the run was resumed. Makes a folder that of such a run. */
  plan: "plan.json",
  /** Of jobs over time: what never changes, such as model, devices and calibration. Makes a folder that of such a run. */
  setting: "setting.json",
  /** Jobs that came over time, with what each is to train: a line a job, in the order of arrival. */
  jobs: "jobs.jsonl",
  /** The plan of jobs over time as it grew: a piece of it a line, chained by hash. */
  segments: "segments.jsonl",
  /** What happened, and of jobs over time what was decided, with reasons. */
  journal: "journal.jsonl",
  /** Steps and evaluations. */
  metrics: "metrics.jsonl",
  /** What was answered to prompts; there where some are. */
  samples: "samples.jsonl",
  /** What devices reported: stands for the trace while a closed plan is carried out. */
  completions: "completions.jsonl",
  /** Of a closed plan that has come to an end. */
  trace: "trace.json",
  adapters: "adapters",
  /** Of jobs that are evaluated, the adapters with the lowest loss. */
  best: "best",
  /** Adapters that jobs over time started from which were cloned with those of others. */
  starts: "starts",
  /** States of jobs on no device that memory has no room for: nothing goes on from them, and they go at the end. */
  pages: "pages",
  /** TensorBoard's event files, a folder for each job, where they are asked for and not wanted elsewhere. */
  tensorboard: "tensorboard",
  /** Parts of the run from before it was resumed: a folder each, with what was seen of it. */
  earlier: "earlier",
  /** Where there comes to be one, the run ends with a checkpoint: the machine is to be taken away. */
  notice: "notice",
  /** What a client of the server of jobs over time shows where that listens on TCP. */
  token: "token",
} as const;

/** What a folder is a run of; undefined for one that is no run's. @throws InputError for one that may not be looked into */
export function runKindOf(place: Place, folder: string): RunKind | undefined {
  if (!isFolder(place, folder)) return undefined;
  const has = (name: string): boolean => {
    const file = path.join(folder, name);
    try {
      return statSync(absolute(place, file), { throwIfNoEntry: false }) !== undefined;
    } catch (error) {
      throw fileError(error, "a folder whose files can be read", folder);
    }
  };
  if (has(RUN_FILES.setting)) return "fleet";
  return has(RUN_FILES.plan) ? "plan" : undefined;
}

/** An adapter's file of weights, as PEFT names it. */
export const WEIGHTS = "adapter_model.safetensors";

/** The folder of a job's adapter in a run's folder, both absolute; undefined where none is written whole. */
export function writtenAdapter(
  folder: string,
  within: typeof RUN_FILES.adapters | typeof RUN_FILES.best,
  job: string,
): string | undefined {
  const adapter = path.join(folder, within, job);
  return existsSync(path.join(adapter, WEIGHTS)) ? adapter : undefined;
}
