import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { InputError, sum } from "../../core/index.ts";
import { linesOfFile } from "../../files/index.ts";
import {
  createCostModel,
  cutOff,
  fleetPlanBody,
  isOfBase,
  isSample,
  type JournalLine,
  type Parts,
  type PlannedJob,
  POLICIES,
  parseSegments,
  parseSetting,
  Scheduler,
  validatePlan,
} from "../../plan/index.ts";
import { fleetModel } from "../../sim/index.ts";
import { learnedBy } from "../../workbench/index.ts";
import { checkAllReported, readCompletions, wholeSegments } from "../folder/read-completions.ts";
import { isGoingOn, stoppedByJournal } from "../folder/read-journal.ts";
import type { RunOfFleet } from "../folder/read-run.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { fleetOwner } from "../resume/resume-fleet.ts";
import { earlierParts } from "../resume/stopped-run.ts";
import { checkMetrics, type RecordedJob } from "./check-metrics.ts";
import { checkJournal, checkLineEnd, checkNumbers, type JobWord, jobWords, type RunChecks } from "./check-records.ts";
import { checkSamples } from "./check-samples.ts";

/** The first line of the scheduler since the fleet was last gone on with; 0 where it never was. */
function firstOwnLine({ lines, events }: RunOfFleet): number {
  const restored = lines.findLastIndex((line) => line.events.some(({ kind }) => kind === "restored"));
  if (restored >= 0 && !events.some(({ event }) => event === "resumed")) return restored;
  // Where no job was left, none was restored: the clock tells.
  const ready = events.findLast(({ event }) => event === "ready");
  const since = ready?.event === "ready" ? ready.atNs : undefined;
  if (since === undefined) return Math.max(0, restored);
  const later = lines.findIndex(({ atNs }) => atNs > since);
  return Math.max(0, restored, later < 0 ? lines.length : later);
}

/** Why the decisions of a fleet were not made again; undefined where they are those of its policy. */
function checkDecisions(fleet: RunOfFleet): string | undefined {
  const { folder, setting, jobs, lines, policy, jobsAtOnce, sizes } = fleet;
  const name = POLICIES.find((each) => each === policy);
  if (name === undefined || jobs.length === 0) return "its decisions were not made again, whose policy is not at hand.";
  const arrived = lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "arrived")).length;
  if (jobs.length < arrived)
    return `its decisions were not made again: ${RUN_FILES.jobs} has ${jobs.length} of its ${arrived} jobs.`;
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const most = jobsAtOnce === undefined ? {} : { most: jobsAtOnce };
  const { resources, policyOf } = fleetModel({ setting, costs, works: jobs, ...most, ...learnedBy(sizes) });
  // Before, the machines and the policy may have been others.
  const before = lines.slice(0, firstOwnLine(fleet));
  const own = policyOf(name);
  const known = { ...cutOff(before, resources).state, policy: own.name, memory: own.initial };
  const scheduler = new Scheduler(own, resources, known);
  for (const line of lines.slice(before.length)) {
    const again = scheduler.trigger(line.atNs, line.events);
    const [expected, got] = [again, line].map(({ decisions }) => JSON.stringify(decisions));
    if (expected !== got)
      throw new InputError({
        expected: `the decisions of ${name}, ${expected},`,
        file: path.join(folder, RUN_FILES.journal),
        at: `line ${line.line} of the scheduler`,
        got,
      });
  }
  return undefined;
}

/** Names of jobs that ended before their last step, or before they began. */
function stoppedOf(lines: readonly JournalLine[]): ReadonlySet<string> {
  const stopped = new Set<string>();
  for (const { events, decisions } of lines) {
    for (const event of events) if (event.kind === "restored") stopped.delete(event.request.name);
    for (const { kind, name } of decisions) if (kind === "stop" || kind === "refuse") stopped.add(name);
  }
  return stopped;
}

/** Jobs that are over, and whose adapters have to be there. */
function jobsWithAdapters({ events, metrics, jobs }: RunOfFleet): readonly PlannedJob[] {
  const diverged = stoppedByJournal(events);
  // One that was cancelled before its first step has learned nothing, and leaves none.
  const trained = new Set(metrics.map(({ job }) => job));
  const over = new Set(events.flatMap((line) => (line.event === "job ended" ? [line.job] : [])));
  return jobs.flatMap(({ job }) =>
    over.has(job.name) && trained.has(job.name) && !diverged.has(job.name) ? [job] : [],
  );
}

/** By number, what the journal says of jobs. */
interface Told {
  /** Steps that were not lost when the fleet went on last, and that were told of since. */
  restored: number;
  done: number;
  hasEnded: boolean;
}

function toldOf(lines: readonly JournalLine[]): ReadonlyMap<number, Told> {
  const told = new Map<number, Told>();
  for (const { events } of lines)
    for (const event of events) {
      const { number, kind } = event;
      const own = told.get(number) ?? { restored: 0, done: 0, hasEnded: false };
      told.set(number, own);
      if (kind === "progress") own.done = Math.max(own.done, event.done);
      else if (kind === "ended") own.hasEnded = true;
      else if (kind === "restored") Object.assign(own, { restored: event.done, done: event.done, hasEnded: false });
    }
  return told;
}

/** Tokens of a part's rows; none of prompts. */
function tokensIn(rows: Parts[number]): readonly number[] {
  return isSample({ rows }) || isOfBase({ rows }) ? [] : rows.map(([, , tokens]) => tokens);
}

/** Tokens of rows by step: each step has parts, and each part rows. */
function tokensOf(steps: Iterable<Parts | undefined>): ReadonlyMap<number, number> {
  return new Map(
    [...steps].flatMap((parts, step) => (parts === undefined ? [] : [[step, sum(parts.flatMap(tokensIn))] as const])),
  );
}

/** What metrics.jsonl is to have of each job of a fleet, by name. */
function recordedJobs(
  { jobs, lines, state }: RunOfFleet,
  words: ReadonlyMap<string, JobWord>,
): ReadonlyMap<string, RecordedJob> {
  const told = toldOf(lines);
  return new Map(
    jobs.map(({ number, job, steps: rows, evaluations = [] }): [string, RecordedJob] => {
      const { name, steps } = job;
      const { restored = 0, done = 0, hasEnded = false } = told.get(number) ?? {};
      const { stopped, ended } = words.get(name) ?? {};
      const most = stopped === undefined ? steps : stopped.step + 1;
      // A job's steps are written before the line that it is over; others when they can be.
      const made = hasEnded ? steps : done;
      const isTold = state !== "unfinished" || ended !== undefined;
      const least = isTold ? (stopped === undefined ? made : most) : restored;
      return [
        name,
        {
          ...job,
          least: Math.min(least, most),
          most,
          evaluatedUntil: isTold && hasEnded && stopped === undefined ? steps : 0,
          mayStop: stopped !== undefined || state === "unfinished",
          tokens: tokensOf(rows),
          heldOut: tokensOf(evaluations),
        },
      ];
    }),
  );
}

/** What was seen of a fleet before it went on: each part has a setting, a plan that follows on it, and actions of it. */
function checkEarlier(folder: string): void {
  const within = path.join(folder, RUN_FILES.earlier);
  const parts = earlierParts(folder);
  checkNumbers(within, parts);
  for (const part of parts) {
    const at = (name: string): string => path.join(part, name);
    const setting = parseSetting(readFileSync(at(RUN_FILES.setting), "utf8"), at(RUN_FILES.setting));
    const { begin, segments } = parseSegments(linesOfFile(at(RUN_FILES.segments)), at(RUN_FILES.segments), setting);
    const plan = fleetPlanBody(setting, segments);
    // What was written last may be of a segment that was not written yet.
    const known = at(RUN_FILES.completions);
    for (const _ of readCompletions(wholeSegments(known, plan, begin.actions), known, plan, begin.actions));
  }
}

/** Whether the scheduler's lines follow on each other, and are of jobs that had arrived. @throws InputError */
function checkOrder({ lines }: RunOfFleet, file: string): void {
  const arrived = new Set<number>();
  lines.forEach(({ line, atNs, events }, index) => {
    const before = lines[index - 1];
    const at = `line ${line} of the scheduler`;
    if (before !== undefined && line !== before.line + 1)
      throw new InputError({ expected: `line ${before.line + 1} of the scheduler`, file, got: `line ${line}` });
    if (before !== undefined && atNs < before.atNs)
      throw new InputError({ expected: `a time of at least ${before.atNs} ns`, file, at, got: atNs });
    for (const { kind, number } of events) {
      if (kind === "arrived") arrived.add(number);
      if (!arrived.has(number)) throw new InputError({ expected: "a job that has arrived", file, at, got: number });
    }
  });
}

/** Jobs that were told of. @throws InputError where one that arrived is not there */
function checkComers({ jobs, lines }: RunOfFleet, file: string): void {
  const arrived = lines.flatMap(({ events }) => events.flatMap((event) => (event.kind === "arrived" ? [event] : [])));
  arrived.forEach(({ number, request: { name } }) => {
    const comer = jobs[number];
    if (comer?.job.name !== name || comer.number !== number)
      throw new InputError({
        expected: `job ${name}, which arrived as number ${number}`,
        file,
        line: number + 1,
        got: comer?.job.name ?? "none",
      });
  });
}

/**
 * What has to hold in the folder of jobs over time: its jobs, the plan as it grew, what devices reported of it, each step
 * of each job once, and decisions, which are made again from the journal's events.
 */
export function checksOfFleet(fleet: RunOfFleet): RunChecks {
  const { folder, setting, segments, begin, state, lines, events, jobs } = fleet;
  const at = (name: string): string => path.join(folder, name);
  const plan = fleetPlanBody(setting, segments);
  const isOver = state !== "unfinished";
  // Folders from before they were written down have none, and do not say what was written of adapters.
  const isRecent = events.some((line) => line.event === "job ended" && line.written !== undefined);
  const hasJobs = isRecent || existsSync(at(RUN_FILES.jobs));
  const words = jobWords(events, new Map(jobs.map(({ job }) => [job.name, Number.POSITIVE_INFINITY])));
  const recorded = recordedJobs(fleet, words);
  const told = toldOf(lines);
  const silent = jobs.find(
    ({ number, job }) => told.get(number)?.hasEnded === true && words.get(job.name) === undefined,
  );
  return {
    ...{ words, over: jobsWithAdapters(fleet), architecture: setting.model.architecture },
    owner: fleetOwner(setting, jobs),
    silent: state === "ended" ? silent?.job.name : undefined,
    checks: [
      () => {
        if (isOver && segments.length > 0 && begin.segments === 0) validatePlan(plan, stoppedOf(lines));
      },
      () => {
        if (hasJobs) checkComers(fleet, at(RUN_FILES.jobs));
      },
      () => {
        // What is written last of a fleet that goes on can be of a segment that is not written yet.
        if (!isOver) return;
        const file = at(RUN_FILES.completions);
        const seen = readCompletions(linesOfFile(file), file, plan, begin.actions);
        if (state === "ended") checkAllReported(file, plan, seen, begin.actions);
        else for (const _ of seen);
      },
      () => checkEarlier(folder),
      () => {
        if (!hasJobs) return;
        const file = at(RUN_FILES.metrics);
        const lowest = checkMetrics(linesOfFile(file), file, recorded, isOver);
        checkJournal(at(RUN_FILES.journal), events, words, recorded, lowest);
        const parts = [...recorded.values()].map((job) => ({ ...job, from: 0, until: job.steps }));
        checkSamples(linesOfFile(at(RUN_FILES.samples)), at(RUN_FILES.samples), parts);
      },
      () => {
        const files = [RUN_FILES.jobs, RUN_FILES.segments, RUN_FILES.journal, RUN_FILES.completions];
        for (const name of isOver ? files : []) checkLineEnd(at(name));
      },
      () => checkOrder(fleet, at(RUN_FILES.journal)),
      () => void checkDecisions(fleet),
    ],
  };
}

/** What was not checked, and how far a fleet got that has not ended. */
export function remarksOfFleet(fleet: RunOfFleet): readonly string[] {
  const { state, tornLine, begin } = fleet;
  const remarks = [
    begin.segments === 0
      ? undefined
      : `the first ${begin.segments} segments of the plan are kept no longer: what came before was not checked.`,
    tornLine === undefined ? undefined : `line ${tornLine} of the journal was not written to its end.`,
    checkDecisions(fleet),
    state === "unfinished"
      ? `the fleet ${isGoingOn(fleet) ? "goes on" : "was cut off"}; all that is said is of what was written by now.`
      : undefined,
  ];
  return remarks.filter((remark) => remark !== undefined);
}
