import { closeSync, existsSync, fstatSync, openSync } from "node:fs";
import path from "node:path";
import { InputError, PlanError } from "../../core/index.ts";
import { readPeftFolder } from "../../exec/index.ts";
import { bytesOfWholeLines } from "../../files/index.ts";
import {
  type Architecture,
  isOfBase,
  isSample,
  jobSegments,
  type PlanBody,
  type PlannedJob,
} from "../../plan/index.ts";
import { type CheckOwner, readCheckpoint } from "../checkpoints/find-checkpoint.ts";
import { CHECKPOINTS, checkpointNames, MANIFEST } from "../checkpoints/write-checkpoint.ts";
import type { JournalLine } from "../folder/journal.ts";
import { checkAdapterWeights } from "../folder/written-weights.ts";
import type { LowestLoss } from "./check-metrics.ts";

/** What is wrong, where something is: an error with its file, and line. @throws what is no fault of a document */
export function faultOf(check: () => void): InputError | PlanError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof InputError || error instanceof PlanError) return error;
    throw error;
  }
}

/** What has to hold in the folder of a run, of whichever kind. */
export interface RunChecks {
  /** In their order, since each is measured by those before it: they throw what is wrong. */
  readonly checks: readonly (() => void)[];
  readonly words: ReadonlyMap<string, JobWord>;
  /** Jobs that are over, and whose adapters have to be there. */
  readonly over: readonly PlannedJob[];
  /** One of which the journal should say that it is over, and does not. */
  readonly silent: string | undefined;
  readonly architecture: Architecture;
  /** Refuses a checkpoint of another run. */
  readonly owner: CheckOwner;
}

/** What the journal says of a job, where it was not made again since. */
export interface JobWord {
  readonly ended: Extract<JournalLine, { event: "job ended" }> | undefined;
  readonly stopped: Extract<JournalLine, { event: "job stopped" }> | undefined;
}

/** By name, what became of jobs. `steps`: of each job; one that went on behind its last step was over before. */
export function jobWords(
  journal: readonly JournalLine[],
  steps: ReadonlyMap<string, number>,
): ReadonlyMap<string, JobWord> {
  const words = new Map<string, JobWord>();
  for (const line of journal) {
    if (line.event === "job ended") words.set(line.job, { ended: line, stopped: words.get(line.job)?.stopped });
    else if (line.event === "job stopped") words.set(line.job, { ended: undefined, stopped: line });
    else if (line.event === "resumed")
      for (const [name, done] of Object.entries(line.steps)) if (done < (steps.get(name) ?? 0)) words.delete(name);
  }
  return words;
}

/**
 * Whether the journal says what it can: a start first, nothing behind an end but another start, jobs of the run, and of
 * each its lowest evaluation. @throws InputError
 */
export function checkJournal(
  file: string,
  journal: readonly JournalLine[],
  words: ReadonlyMap<string, JobWord>,
  jobs: ReadonlyMap<string, unknown>,
  lowest: ReadonlyMap<string, LowestLoss>,
): void {
  const refuse = (expected: string, got: unknown): never => {
    throw new InputError({ expected, file, got });
  };
  const firstReady = journal.findIndex(({ event }) => event !== "started");
  journal.forEach(({ event }, index) => {
    const before = journal[index - 1]?.event;
    if (event === "started") return;
    if (before === undefined) refuse('"started" as its first event', event);
    if (before === "ended" || before === "ended early") refuse(`nothing but "started" behind "${before}"`, event);
    if (event === "resumed" && before !== "started" && before !== "pipeline lost" && before !== "failed")
      refuse('"resumed" behind "started"', before);
    // Otherwise two processes have written the folder at once.
    if (before === "started" && index > firstReady && event !== "resumed" && event !== "failed")
      refuse('"resumed" behind every "started" but the first', event);
  });
  for (const [name, { ended }] of words) {
    if (!jobs.has(name)) refuse("a job of the run", name);
    if (ended === undefined) continue;
    const best = lowest.get(name);
    const [told, seen] = [ended.best, best].map((each) => (each === undefined ? "none" : JSON.stringify(each.step)));
    const isSame = told === seen && ended.best?.evaluationLoss === best?.evaluationLoss;
    // An evaluation that was not finite may have been the only one.
    if (!isSame && !(best === undefined && ended.best?.evaluationLoss === null))
      refuse(`the lowest evaluation of job ${name} as the metrics have it, after step ${seen},`, `after step ${told}`);
  }
}

/** By job and step, tokens of a plan's rows: those that are trained, and those that are held out. */
export function plannedTokens({
  jobs,
  groups,
  microBatches,
}: Pick<PlanBody, "jobs" | "groups" | "microBatches">): readonly {
  readonly tokens: Map<number, number>;
  readonly heldOut: Map<number, number>;
}[] {
  const all = jobs.map(() => ({ tokens: new Map<number, number>(), heldOut: new Map<number, number>() }));
  for (const { group, step, rows, evaluation = false } of microBatches) {
    if (isSample({ rows }) || isOfBase({ rows })) continue;
    const firstSteps = new Map(groups[group]!.members.map(({ job, firstStep }) => [job, firstStep]));
    for (const { job, tokens } of jobSegments({ rows })) {
      const table = all[job]![evaluation ? "heldOut" : "tokens"];
      const own = firstSteps.get(job)! + step;
      table.set(own, (table.get(own) ?? 0) + tokens);
    }
  }
  return all;
}

type AdapterOwner = Pick<PlannedJob, "name" | "adapter">;

/**
 * What is wrong with the adapters that are to be in a folder, the first thing of each. `written`: SHA-256 of the weights
 * that a job left there, where that is known.
 */
export function* wrongAdapters(
  folder: string,
  jobs: readonly AdapterOwner[],
  architecture: Architecture,
  written: (job: string) => string | undefined = () => undefined,
): Generator<InputError | PlanError> {
  for (const { name, adapter } of jobs) {
    const fault = faultOf(() => {
      readPeftFolder(path.join(folder, name), adapter, architecture);
      checkAdapterWeights(path.join(folder, name), written(name));
    });
    if (fault !== undefined) yield fault;
  }
}

/**
 * What is wrong with checkpoints: one that has its manifest is whole, and the last that the journal tells of is there
 * where the run is to go on from it.
 */
export function* wrongCheckpoints(
  run: string,
  journal: readonly JournalLine[],
  hasEnded: boolean,
  checkOwner: CheckOwner,
): Generator<InputError | PlanError> {
  for (const name of checkpointNames(run)) {
    // Of one that is removed, the manifest goes first.
    if (!existsSync(path.join(run, CHECKPOINTS, name, MANIFEST))) continue;
    const fault = faultOf(() => void readCheckpoint(run, name, checkOwner));
    if (fault !== undefined) yield fault;
  }
  const last = journal.findLast(({ event }) => event === "checkpoint" || event === "resumed");
  const name = last?.event === "checkpoint" ? last.name : last?.event === "resumed" ? last.checkpoint : null;
  const manifest = path.join(run, CHECKPOINTS, name ?? "", MANIFEST);
  if (name !== null && !hasEnded && !existsSync(manifest))
    yield new InputError({ expected: "the checkpoint that the journal tells of", file: manifest, got: "no such file" });
}

/** Parts of a run from before it went on are numbered from 1. */
export function checkNumbers(folder: string, parts: readonly string[]): void {
  const lacking = parts.findIndex((part, index) => path.basename(part) !== String(index + 1));
  if (lacking >= 0)
    throw new InputError({
      expected: "the part before",
      file: path.join(folder, String(lacking + 1)),
      got: "no such folder",
    });
}

/** A last line that was not written to its end is no line of what has ended. @throws InputError */
export function checkLineEnd(file: string): void {
  if (!existsSync(file)) return;
  const descriptor = openSync(file, "r");
  try {
    if (bytesOfWholeLines(descriptor) < fstatSync(descriptor).size)
      throw new InputError({ expected: "a last line that was written to its end", file, got: "a part of one" });
  } finally {
    closeSync(descriptor);
  }
}
