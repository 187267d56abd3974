import { existsSync, linkSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { InputError, shellQuoted } from "../../core/index.ts";
import {
  folderHolder,
  linesOfFile,
  wholeLinesOf,
  writePieces,
  writeWholeFile,
  writeWholeFolder,
} from "../../files/index.ts";
import { jobDigest, type PlannedJob, readText, type Spent } from "../../plan/index.ts";
import { type CheckOwner, type FoundCheckpoint, findCheckpoint, putAside } from "../checkpoints/find-checkpoint.ts";
import type { JournalEvent } from "../folder/journal.ts";
import { completionFields } from "../folder/read-completions.ts";
import { isGoingOn, journalOfRun, type RunJournal, stateByJournal, weightsByJournal } from "../folder/read-journal.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { readSamples } from "../folder/sample-lines.ts";
import { spentSoFar } from "../folder/spent-so-far.ts";

/** A run that did not get to its end, of a plan or of jobs over time, and where it can go on. */
export interface StoppedRun extends RunJournal {
  /** Absolute. */
  readonly folder: string;
  readonly found: FoundCheckpoint;
  /** The digest of the weights that it trained on last; undefined where the journal does not tell. */
  readonly weights: string | undefined;
  /** What its jobs have taken of devices so far. */
  readonly spent: ReadonlyMap<string, Spent>;
}

/**
 * Finds the newest checkpoint to go on from. Nothing is changed. `given`: the folder, for people.
 * @throws InputError for a run that goes on, or has got to its end
 */
export function findStopped(folder: string, given: string, checkOwner: CheckOwner): StoppedRun {
  const journal = journalOfRun(folder);
  const { events } = journal;
  const state = stateByJournal(events);
  if (state === "ended")
    throw new InputError({
      expected: "a run that did not get to its end",
      got: given,
      hint: `Its adapters are in ${path.join(given, "adapters")}. More steps are a new run, whose jobs start from them: \`adapter: { init: ... }\`.`,
    });
  const holder = folderHolder(folder);
  // One of another machine may be gone: whoever takes the folder waits for a sign of it.
  if (isGoingOn({ folder, state, events }) && holder !== undefined && holder.elsewhere === undefined)
    throw new InputError({
      expected: "a run that nobody carries out",
      got: given,
      hint: `Process ${holder.process} does; \`loratwin watch ${shellQuoted(given)}\` shows it.`,
    });
  checkLines(folder);
  const [weights, spent] = [weightsByJournal(events), spentSoFar(folder, events)];
  return { folder, found: findCheckpoint(folder, checkOwner), ...journal, weights, spent };
}

/** Lines of a run that goes on are kept or put away, and read by nobody meanwhile. @throws InputError with one that is damaged */
function checkLines(folder: string): void {
  const [samples, completions] = [RUN_FILES.samples, RUN_FILES.completions].map((name) => path.join(folder, name));
  readSamples(linesOfFile(samples!), samples!);
  for (const _ of completionFields(linesOfFile(completions!), completions!));
}

/** What it goes on from, for people. */
export function resumeNotes(
  { found: { name, skipped } }: Pick<StoppedRun, "found">,
  numLeft: number,
  numOver: number,
): readonly string[] {
  return [
    ...skipped.map((each) => `checkpoint ${each.name} is skipped: ${each.why}`),
    `${name === undefined ? "begins anew, as there is no checkpoint" : `goes on from checkpoint ${name}`}: ` +
      `jobs left ${numLeft}, over ${numOver}`,
  ];
}

/** The same for the journal. `steps`: those that jobs have made, by name. */
export function resumedEvent(
  { found: { name, skipped } }: Pick<StoppedRun, "found">,
  steps: ReadonlyMap<string, number>,
): JournalEvent {
  return { event: "resumed", checkpoint: name ?? null, steps: Object.fromEntries(steps), skipped };
}

/** @throws InputError where a job is not as it was: what it has learned would be another job's */
export function checkSameJob(before: PlannedJob | undefined, job: PlannedJob): void {
  if (before !== undefined && jobDigest(before) === jobDigest(job)) return;
  throw new InputError({
    expected: `job ${job.name} as the run has it: data, seed, adapter, loss, batchSize, optimizer, steps and evaluation`,
    got: before === undefined ? "no such job" : "another one",
  });
}

/** Folders of earlier parts of a run, oldest first. */
export function earlierParts(folder: string): readonly string[] {
  const within = path.join(folder, RUN_FILES.earlier);
  if (!existsSync(within)) return [];
  const numbers = readdirSync(within).filter((name) => /^\d+$/.test(name));
  return numbers.sort((a, b) => Number(a) - Number(b)).map((name) => path.join(within, name));
}

/** The folder of the part that was carried out last, for when the run goes on. */
export function nextPart(folder: string): string {
  return path.join(folder, RUN_FILES.earlier, String(earlierParts(folder).length + 1));
}

/** What was seen of a part: of one that ended early, the trace stands for what devices reported. */
const SEEN = [RUN_FILES.trace, RUN_FILES.segments, RUN_FILES.completions] as const;

export interface BeginAgain {
  /** Where the part before is put; undefined where it is there, or nothing was seen of it. */
  readonly part: string | undefined;
  /** By name, steps that jobs have made: lines of all others are taken out of metrics.jsonl and samples.jsonl. */
  readonly done: ReadonlyMap<string, number>;
  /** The plan for the rest. */
  readonly plan?: string;
}

/**
 * Makes the folder of a run ready to go on: what was seen of the part before is put into `earlier`, and the lines of steps
 * that are made again are taken out. In such an order that a process that is killed meanwhile leaves a folder that can be
 * resumed.
 */
export function beginAgain({ folder, found }: StoppedRun, { part, done, plan }: BeginAgain): void {
  const at = (name: string): string => path.join(folder, name);
  const seen = SEEN.filter((name) => existsSync(at(name)));
  const kept = seen.includes(RUN_FILES.trace) ? [RUN_FILES.trace] : seen;
  if (part !== undefined)
    writeWholeFolder(part, (unfinished) => {
      for (const name of [RUN_FILES.plan, RUN_FILES.setting, ...kept])
        if (existsSync(at(name))) linkSync(at(name), path.join(unfinished, name));
    });
  for (const file of [RUN_FILES.metrics, RUN_FILES.samples].map(at))
    if (existsSync(file)) writeWholeFile(file, (descriptor) => writePieces(descriptor, keptLines(file, done)));
  // A notice was of the process that is no more.
  for (const name of [...seen, RUN_FILES.notice]) rmSync(at(name), { force: true });
  if (plan !== undefined) writeWholeFile(at(RUN_FILES.plan), plan);
  putAside(folder, found);
}

function* keptLines(file: string, done: ReadonlyMap<string, number>): Generator<string> {
  for (const line of wholeLinesOf(file)) {
    const { job, step } = readText(line, file).value as { readonly job: string; readonly step: number };
    if (step < (done.get(job) ?? 0)) yield line;
  }
}
