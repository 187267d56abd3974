import path from "node:path";
import type { EarlyStop } from "../../exec/index.ts";
import { absolute, folderHolder, inputLines, isFolder, linesOfFile, type Place } from "../../files/index.ts";
import {
  type FileLines,
  journalLines,
  type Plan,
  parseJournal,
  type JournalLine as SchedulerLine,
} from "../../plan/index.ts";
import type { StoppedJob } from "../../traces/index.ts";
import type { JournalLine } from "./journal.ts";
import { RUN_FILES } from "./run-files.ts";

/** The journal of a run. */
export interface RunJournal {
  /** What befell the run. */
  readonly events: readonly JournalLine[];
  /** What was decided on its jobs; of a closed plan's nothing is. */
  readonly lines: readonly SchedulerLine[];
  /** Number of a last line that was not written to its end, from 1; undefined where there is none. */
  readonly tornLine: number | undefined;
}

function eventsOf(others: readonly unknown[]): readonly JournalLine[] {
  return others.filter((value) => typeof value === "object" && value !== null && "event" in value) as JournalLine[];
}

/** The lines of a run's journal. @throws InputError with the line that is wrong */
export function readRunJournal(lines: FileLines, file: string): RunJournal {
  const { others, ...decided } = journalLines(lines, file);
  return { events: eventsOf(others), ...decided };
}

/** The journal in the folder of a run; empty where there is none. @throws InputError with the line that is wrong */
export function journalOfRun(folder: string): RunJournal {
  const file = path.join(folder, RUN_FILES.journal);
  return readRunJournal(linesOfFile(file), file);
}

/** The base model's folder of a live fleet; a closed plan has its own. */
export function modelByJournal(journal: readonly JournalLine[]): string | undefined {
  const started = journal.findLast((line) => line.event === "started");
  return started?.event === "started" ? started.model : undefined;
}

/** The digest of the weights that a run or a fleet has trained on last, as its journal tells; undefined before there is one. */
export function weightsByJournal(journal: readonly JournalLine[]): string | undefined {
  const ready = journal.findLast((line) => line.event === "ready" && line.weights !== undefined);
  return ready?.event === "ready" ? ready.weights : undefined;
}

/** What a job scheduler wrote down: a file, or that of a run folder. @throws InputError for one with no line of it */
export function loadJournal(place: Place, file: string): RunJournal {
  const own = isFolder(place, file) ? path.join(file, RUN_FILES.journal) : file;
  const input = inputLines(place, own, "a job scheduler's journal, or a run folder with one");
  const { others, ...decided } = parseJournal(input.lines, input.file);
  return { events: eventsOf(others), ...decided };
}

/** How far a run got, by its folder. */
export type RunState = "ended" | "ended early" | "unfinished";

/** The same by its journal alone. */
export function stateByJournal(events: readonly JournalLine[]): RunState {
  const last = events.findLast(({ event }) => event === "ended" || event === "ended early" || event === "started");
  return last?.event === "ended" || last?.event === "ended early" ? last.event : "unfinished";
}

/** What is known of a run by its folder. */
export interface JournaledRun extends Pick<RunJournal, "events"> {
  /** By its absolute path. */
  readonly folder: string;
  readonly state: RunState;
}

/** Whether somebody is at work on a run, on this machine or another one. */
export function isGoingOn({ folder, state, events }: JournaledRun): boolean {
  const started = events.findLast(({ event }) => event === "started" || event === "failed");
  return state === "unfinished" && started?.event === "started" && folderHolder(folder) !== undefined;
}

/**
 * When the run in a folder was begun or gone on with last, in UTC: of two ends of one folder it tells whether somebody
 * has carried it out in between. Undefined where nobody has.
 */
export function lastStart(place: Place, folder: string): string | undefined {
  return journalOfRun(absolute(place, folder)).events.findLast(({ event }) => event === "started")?.time;
}

/** Jobs that were stopped since a step of them was not finite, and why: they have no adapter. */
export function stoppedByJournal(events: readonly JournalLine[]): ReadonlyMap<string, string> {
  return new Map(events.flatMap((line) => (line.event === "job stopped" ? [[line.job, line.why] as const] : [])));
}

/** By name, jobs that were stopped, and do not make the step again that they were stopped at. */
export function stopsByJournal(events: readonly JournalLine[]): ReadonlyMap<string, StoppedJob> {
  const stops = new Map<string, StoppedJob>();
  for (const line of events) {
    if (line.event === "job stopped") stops.set(line.job, { step: line.step, why: line.why, hasDiverged: true });
    else if (line.event === "job ended" && line.stopped !== undefined)
      stops.set(line.job, { ...line.stopped, hasDiverged: false, best: line.best });
    else if (line.event === "resumed")
      for (const [name, { step }] of [...stops]) if ((line.steps[name] ?? 0) <= step) stops.delete(name);
  }
  return stops;
}

/** By number of a plan's job that was stopped, its last step. */
export function lastStepsOf(
  { jobs }: Pick<Plan, "jobs">,
  stops: ReadonlyMap<string, EarlyStop>,
): ReadonlyMap<number, number> {
  return new Map(
    jobs.flatMap(({ name }, job) => {
      const stop = stops.get(name);
      return stop === undefined ? [] : [[job, stop.step] as const];
    }),
  );
}

/** Why a run that was begun last failed, if it did, and the jobs whose pipelines had stopped. */
export function failureOf(events: readonly JournalLine[]): {
  readonly why: string | undefined;
  readonly jobs: ReadonlySet<string>;
} {
  const own = events.slice(events.findLastIndex(({ event }) => event === "started") + 1);
  const jobs = new Set(own.flatMap((line) => (line.event === "pipeline lost" ? line.jobs : [])));
  const end = own.at(-1);
  return { why: end?.event === "failed" ? end.why.split("\n")[0] : undefined, jobs };
}
