import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { counted, groupBy, InputError, shellQuoted, sum } from "../../core/index.ts";
import { type EvaluationMetrics, type StepMetrics, unfinishedTrace } from "../../exec/index.ts";
import { absolute, inputLines, linesOfFile, type Place, readInput } from "../../files/index.ts";
import {
  type FleetComer,
  type Plan,
  parseComers,
  parsePlan,
  parseSegments,
  parseSetting,
  requireLines,
  type JournalLine as SchedulerLine,
  type Segment,
  type SegmentsBegin,
  type Setting,
} from "../../plan/index.ts";
import { partOfRun, type RunPart, type StoppedJob, type Trace, traceOfPart } from "../../traces/index.ts";
import type { Sizes } from "../../workbench/index.ts";
import { readTrace } from "./load-trace.ts";
import { readMetrics } from "./metrics-lines.ts";
import { readCompletions } from "./read-completions.ts";
import {
  journalOfRun,
  lastStepsOf,
  type RunJournal,
  type RunState,
  stateByJournal,
  stopsByJournal,
} from "./read-journal.ts";
import { RUN_FILES, type RunKind, runKindOf } from "./run-files.ts";
import { readSamples, type SampleLine } from "./sample-lines.ts";

/** What the folders of all runs have, of runs that have ended or not. */
interface RunRecords extends RunJournal {
  /** Absolute. */
  readonly folder: string;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  readonly samples: readonly SampleLine[];
  readonly state: RunState;
}

/** The run of a closed plan. */
export interface RunOfPlan extends RunRecords {
  readonly kind: "plan";
  readonly plan: Plan;
  /** Of mini-batches that ended whole. */
  readonly trace: Trace;
  /** As its file has it, if there is one. */
  readonly written: Trace | undefined;
  /** By name, jobs that were stopped while others went on. */
  readonly stops: ReadonlyMap<string, StoppedJob>;
  /** Absent where the run has made all steps of the plan. */
  readonly part: RunPart | undefined;
}

/** Jobs over time. */
export interface RunOfFleet extends RunRecords {
  readonly kind: "fleet";
  readonly setting: Setting;
  /** In the order of arrival. */
  readonly jobs: readonly FleetComer[];
  /** Those that are kept. */
  readonly segments: readonly Segment[];
  readonly begin: SegmentsBegin;
  /** The name of its policy; undefined where it was not written down. */
  readonly policy: string | undefined;
  /** The most jobs that trained at once on a pipeline, if there was a most. */
  readonly jobsAtOnce: number | undefined;
  /** How much its jobs were thought to take. */
  readonly sizes: Sizes;
  /** Of a fleet that has not come to its end: what is known beyond its journal, which says nothing between decisions. */
  readonly since: SchedulerLine | undefined;
}

export type Run = RunOfPlan | RunOfFleet;

/** The document that makes a folder a run's, by what it is a run of. */
function documentOf(place: Place, folder: string, kind: RunKind): { readonly text: string; readonly file: string } {
  if (kind === "plan" && runKindOf(place, folder) === "fleet") {
    const word = shellQuoted(folder);
    throw new InputError({
      expected: "the folder of a run of one plan",
      file: folder,
      got: "that of a live fleet",
      hint: `\`loratwin jobs ${word}\` shows its jobs; \`loratwin resume ${word} WORKLOAD\` goes on with them.`,
    });
  }
  const [name, what, hint] =
    kind === "plan"
      ? [RUN_FILES.plan, "a run folder", "A run folder is one that `loratwin train ... -o FOLDER` has written."]
      : [RUN_FILES.setting, "a live fleet's folder", undefined];
  return readInput(place, path.join(folder, name), `${what} with ${name}`, hint);
}

/** The plan in a run's folder. @throws InputError for a folder that is no run's, or a plan that is wrong */
export function readPlanOfRun(place: Place, folder: string): Plan {
  const { text, file } = documentOf(place, folder, "plan");
  return parsePlan(text, file);
}

/** What never changes of jobs over time. @throws InputError for a folder that is not theirs */
export function readSettingOfRun(place: Place, folder: string): Setting {
  const { text, file } = documentOf(place, folder, "fleet");
  return parseSetting(text, file);
}

/** Jobs that came over time; none in a folder from before they were written down. @throws InputError */
export function readComers(folder: string): readonly FleetComer[] {
  const file = path.join(folder, RUN_FILES.jobs);
  return parseComers(linesOfFile(file), file);
}

function recordsOf(place: Place, given: string): Omit<RunRecords, "state"> {
  const folder = absolute(place, given);
  const { lines, file } = inputLines(
    place,
    path.join(given, RUN_FILES.metrics),
    `a run folder with ${RUN_FILES.metrics}`,
  );
  const samples = path.join(folder, RUN_FILES.samples);
  return {
    folder,
    ...readMetrics(lines, file),
    samples: readSamples(linesOfFile(samples), samples),
    ...journalOfRun(folder),
  };
}

function readPlanRun(place: Place, given: string): RunOfPlan {
  const plan = readPlanOfRun(place, given);
  const records = recordsOf(place, given);
  const { folder, events, metrics } = records;
  const [traceFile, completions] = [path.join(folder, RUN_FILES.trace), path.join(folder, RUN_FILES.completions)];
  const written = existsSync(traceFile) ? readTrace(place, path.join(given, RUN_FILES.trace)) : undefined;
  const started = events.findLast((line) => line.event === "started");
  const versions = started?.event === "started" ? started.versions : {};
  const seen = () => [...readCompletions(linesOfFile(completions), completions, plan)];
  const stops = stopsByJournal(events);
  const lastSteps = lastStepsOf(plan, stops);
  const trace = written ?? unfinishedTrace({ plan, completions: seen(), metrics, versions, lastSteps });
  const part = trace.planHash === plan.hash ? partOfRun(plan, trace, lastSteps) : undefined;
  const end = events.findLast(({ event }) => event === "ended early" || event === "ended");
  return {
    ...{ kind: "plan", ...records, plan, written, stops, part },
    trace: part === undefined ? trace : traceOfPart(trace, part),
    state: written === undefined ? "unfinished" : end?.event === "ended early" ? "ended early" : "ended",
  };
}

/** Nanoseconds of the fleet at which a file was written last; undefined where the devices were not ready before. */
function writtenNs(file: string, events: RunOfFleet["events"]): number | undefined {
  const ready = events.findLast(({ event }) => event === "ready");
  if (ready?.event !== "ready" || !existsSync(file)) return undefined;
  return Math.max(0, Math.round((ready.atNs ?? 0) + 1e6 * (statSync(file).mtimeMs - Date.parse(ready.time))));
}

/** The steps that jobs have made since the last line, as a line of which nothing was decided. */
function lineSince(
  { jobs, lines, metrics }: Pick<RunOfFleet, "jobs" | "lines" | "metrics">,
  atNs: number,
): SchedulerLine {
  const { line, atNs: lastNs } = lines.at(-1)!;
  const done = new Map(metrics.map(({ job, step }) => [job, step + 1]));
  const over = new Set<number>();
  for (const { events, decisions } of lines) {
    for (const { kind, number } of events)
      if (kind === "ended") over.add(number);
      else if (kind === "restored") over.delete(number);
    for (const { kind, number } of decisions) if (kind === "stop" || kind === "refuse") over.add(number);
  }
  const arrived = new Set(lines.flatMap(({ events }) => events.map(({ number }) => number)));
  const events = jobs.flatMap(({ number, job: { name } }) => {
    const steps = done.get(name);
    if (steps === undefined || over.has(number) || !arrived.has(number)) return [];
    return [{ kind: "progress", number, done: steps, between: false } as const];
  });
  return { line: line + 1, atNs: Math.max(lastNs, atNs), events, decisions: [] };
}

function readFleetRun(place: Place, given: string): RunOfFleet {
  const setting = readSettingOfRun(place, given);
  const records = recordsOf(place, given);
  const { folder, events } = records;
  // One that was ended while it was loaded has no line of the scheduler.
  if (events.length === 0) requireLines(records, path.join(folder, RUN_FILES.journal));
  const segments = inputLines(
    place,
    path.join(given, RUN_FILES.segments),
    `a live fleet's folder with ${RUN_FILES.segments}`,
  );
  const started = events.findLast((line) => line.event === "started");
  const { policy, jobsAtOnce, sizes = "planned" } = started?.event === "started" ? started : {};
  const run = {
    kind: "fleet" as const,
    ...{ ...records, setting, jobs: readComers(folder) },
    ...parseSegments(segments.lines, segments.file, setting),
    ...{ policy, jobsAtOnce, sizes, state: stateByJournal(events) },
  } satisfies Omit<RunOfFleet, "since">;
  const atNs =
    run.state === "unfinished" && run.lines.length > 0
      ? writtenNs(path.join(folder, RUN_FILES.metrics), events)
      : undefined;
  return { ...run, since: atNs === undefined ? undefined : lineSince(run, atNs) };
}

const READERS = { plan: readPlanRun, fleet: readFleetRun } as const;

/**
 * Reads the folder of a run, whether it goes on or has ended. `kind`: what it has to be a run of.
 * @throws InputError for a folder that is no run's, or the first line of it that is wrong
 */
export function readRun(place: Place, folder: string): Run;
export function readRun<K extends RunKind>(place: Place, folder: string, kind: K): Extract<Run, { readonly kind: K }>;
export function readRun(place: Place, folder: string, kind?: RunKind): Run {
  return READERS[kind ?? runKindOf(place, folder) ?? "plan"](place, folder);
}

/** How far a run got that has not ended, in words; undefined for one that has. */
export function howFar({ plan, part, state, stops }: RunOfPlan): string | undefined {
  if (part === undefined || state === "ended") return undefined;
  const what = state === "ended early" ? "was ended early" : "is unfinished";
  return `the run ${what}: ${stepsDone(plan, part, stops)}; all that is said is of these steps.`;
}

/** "131 of 240 steps, 1 of 4 jobs done" */
export function stepsDone(
  { jobs }: Pick<Plan, "jobs">,
  part: RunPart,
  stops: ReadonlyMap<string, StoppedJob> = new Map(),
): string {
  const all = sum(jobs.map(({ steps }) => steps));
  const ended = jobs.filter(({ name, steps }, job) => part.steps[job] === steps || stops.has(name)).length;
  return `${sum(part.steps)} of ${counted(all, "step")}, ${ended} of ${counted(jobs.length, "job")} done`;
}

/** Losses of each job by step. */
export function lossesByJob(metrics: readonly StepMetrics[]): ReadonlyMap<string, readonly number[]> {
  return new Map(
    [...groupBy(metrics, ({ job }) => job)].map(([job, own]) => [job, own.map(({ loss }) => loss)] as const),
  );
}
