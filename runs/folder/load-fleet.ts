import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import type { StepMetrics } from "../../exec/index.ts";
import { absolute, inputLines, isFolder, linesOfFile, type Place, readInput } from "../../files/index.ts";
import {
  createCostModel,
  type FleetComer,
  journalLines,
  POLICIES,
  type PolicyFactory,
  type PolicyName,
  parseComers,
  parseSegments,
  parseSetting,
  type ReadJournal,
  requireLines,
  type JournalLine as SchedulerLine,
  type Segment,
  type SegmentsBegin,
  type Setting,
} from "../../plan/index.ts";
import { besideTwin, type TwinnedFleet } from "../../sim/index.ts";
import { learnedBy, type Sizes } from "../../workbench/index.ts";
import { FLEET_FILES } from "./fleet-folder.ts";
import type { JournalLine } from "./journal.ts";
import { isGoingOn, journalEvents } from "./load-run.ts";
import { readMetrics } from "./metrics-lines.ts";

/** The folder of jobs over time, whether their fleet goes on or has ended. */
export interface LoadedFleet {
  readonly setting: Setting;
  /** In the order of arrival. */
  readonly jobs: readonly FleetComer[];
  /** Those that are kept. */
  readonly segments: readonly Segment[];
  readonly begin: SegmentsBegin;
  readonly journal: ReadJournal;
  readonly metrics: readonly StepMetrics[];
  /** What befell the process. */
  readonly events: readonly JournalLine[];
  readonly state: "ended" | "ended early" | "unfinished";
  /** The name of its policy; undefined where it was not written down. */
  readonly policy: string | undefined;
  /** The most jobs that trained at once on a pipeline, if there was a most. */
  readonly jobsAtOnce: number | undefined;
  /** How much its jobs were thought to take. */
  readonly sizes: Sizes;
  /** Of a fleet that has not come to its end: what is known beyond its journal, which says nothing between decisions. */
  readonly since: SchedulerLine | undefined;
}

/** Nanoseconds of the fleet at which a file was written last; undefined where the devices were not ready before. */
function writtenNs(file: string, events: readonly JournalLine[]): number | undefined {
  const ready = events.findLast(({ event }) => event === "ready");
  if (ready?.event !== "ready" || !existsSync(file)) return undefined;
  return Math.max(0, Math.round((ready.atNs ?? 0) + 1e6 * (statSync(file).mtimeMs - Date.parse(ready.time))));
}

/** The steps that jobs have made since the last line, as a line of which nothing was decided. */
function lineSince(
  { jobs, journal: { lines }, metrics }: Pick<LoadedFleet, "jobs" | "journal" | "metrics">,
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

/** Whether a folder is that of jobs over time. */
export function isFleetFolder(place: Place, folder: string): boolean {
  return isFolder(place, folder) && existsSync(absolute(place, path.join(folder, FLEET_FILES.setting)));
}

/** @throws InputError for a folder that is no fleet's, or the first line of it that is wrong */
export function loadFleetFolder(place: Place, folder: string): LoadedFleet {
  const what = (name: string): string => `a live fleet's folder with ${name}`;
  const read = (name: string) => inputLines(place, path.join(folder, name), what(name));
  const settingFile = readInput(place, path.join(folder, FLEET_FILES.setting), what(FLEET_FILES.setting));
  const setting = parseSetting(settingFile.text, settingFile.file);
  const [segments, metrics, journal] = [
    read(FLEET_FILES.segments),
    read(FLEET_FILES.metrics),
    read(FLEET_FILES.journal),
  ];
  const jobsFile = absolute(place, path.join(folder, FLEET_FILES.jobs));
  const told = journalLines(journal.lines, journal.file);
  const events = journalEvents(told.others);
  const started = events.findLast((line) => line.event === "started");
  const last = events.findLast(({ event }) => event === "ended" || event === "ended early" || event === "started");
  const ended = last?.event === "started" ? undefined : last;
  const { policy, jobsAtOnce, sizes = "planned" } = started?.event === "started" ? started : {};
  const loaded = {
    setting,
    // A folder from before they were written down has none.
    jobs: parseComers(linesOfFile(jobsFile), jobsFile),
    ...parseSegments(segments.lines, segments.file, setting),
    // One that was ended while it was loaded has none of the scheduler.
    journal: events.length > 0 ? told : requireLines(told, journal.file),
    metrics: readMetrics(metrics.lines, metrics.file).metrics,
    events,
    state: ended === undefined ? "unfinished" : ended.event === "ended early" ? "ended early" : "ended",
    policy,
    jobsAtOnce,
    sizes,
  } as const;
  const atNs = loaded.state === "unfinished" ? writtenNs(metrics.file, events) : undefined;
  return { ...loaded, since: atNs === undefined ? undefined : lineSince(loaded, atNs) };
}

/** Whether the process that writes a fleet's folder is there still. */
export function isFleetGoingOn({ state, events }: LoadedFleet): boolean {
  return isGoingOn({ state, journal: events });
}

/**
 * A fleet that was executed beside its twin, under its own policy or another.
 * @throws InputError where the folder does not say what its twin needs
 */
export function twinOfFleet(
  { setting, jobs, journal, events, policy, jobsAtOnce, sizes }: LoadedFleet,
  other?: PolicyName | PolicyFactory,
): TwinnedFleet {
  const own = POLICIES.find((name) => name === policy);
  const chosen = other ?? own;
  if (chosen === undefined)
    throw new InputError({
      expected: "the policy of the fleet",
      at: "--policy",
      got: policy ?? "none that was written down",
      hint: `Give the file of a policy of your own by --policy, or one of ${POLICIES.join(", ")}.`,
    });
  const arrived = journal.lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "arrived")).length;
  if (jobs.length < arrived)
    throw new InputError({
      expected: `${FLEET_FILES.jobs} with ${arrived} jobs`,
      got: `${jobs.length}`,
      hint: "Folders of earlier versions have none: `loratwin explain` tells what happened.",
    });
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const wasResumed = events.some(({ event }) => event === "resumed");
  const asked = { setting, costs, works: jobs, most: jobsAtOnce, ...learnedBy(sizes) };
  const fleet = { ...asked, journal: journal.lines, wasResumed };
  return besideTwin(fleet, chosen);
}
