import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { InputError, type PlanError, sum } from "../../core/index.ts";
import { absolute, linesOfFile, type Place } from "../../files/index.ts";
import {
  createCostModel,
  cutOff,
  type FleetComer,
  fleetPlanBody,
  type JournalLine,
  type PlanBody,
  type PlannedJob,
  POLICIES,
  parseSegments,
  parseSetting,
  Scheduler,
  type SegmentsBegin,
  validatePlan,
} from "../../plan/index.ts";
import { fleetModel } from "../../sim/index.ts";
import { learnedBy } from "../../workbench/index.ts";
import { FLEET_FILES } from "../folder/fleet-folder.ts";
import { isFleetGoingOn, type LoadedFleet, loadFleetFolder } from "../folder/load-fleet.ts";
import { readCompletions, stoppedByJournal } from "../folder/load-run.ts";
import { fleetOwner } from "../resume/resume-fleet.ts";
import { earlierParts } from "../resume/stopped-run.ts";
import { checkMetrics, type RecordedJob } from "./check-metrics.ts";
import {
  checkJournal,
  checkLineEnd,
  checkNumbers,
  faultOf,
  type JobWord,
  jobWords,
  wrongAdapters,
  wrongCheckpoints,
} from "./check-records.ts";

/** The first line of the scheduler since the fleet was last gone on with; 0 where it never was. */
function firstOwnLine({ journal: { lines }, events }: LoadedFleet): number {
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
function checkDecisions(folder: string, fleet: LoadedFleet): string | undefined {
  const { setting, jobs, journal, policy, jobsAtOnce, sizes } = fleet;
  const name = POLICIES.find((each) => each === policy);
  if (name === undefined || jobs.length === 0) return "its decisions were not made again, whose policy is not at hand.";
  const arrived = journal.lines.flatMap(({ events }) => events.filter(({ kind }) => kind === "arrived")).length;
  if (jobs.length < arrived)
    return `its decisions were not made again: ${FLEET_FILES.jobs} has ${jobs.length} of its ${arrived} jobs.`;
  const costs = createCostModel(setting.calibration, setting.model.dtype);
  const most = jobsAtOnce === undefined ? {} : { most: jobsAtOnce };
  const { resources, policyOf } = fleetModel({ setting, costs, works: jobs, ...most, ...learnedBy(sizes) });
  // Before, the machines and the policy may have been others.
  const before = journal.lines.slice(0, firstOwnLine(fleet));
  const own = policyOf(name);
  const known = { ...cutOff(before, resources).state, policy: own.name, memory: own.initial };
  const scheduler = new Scheduler(own, resources, known);
  for (const line of journal.lines.slice(before.length)) {
    const again = scheduler.trigger(line.atNs, line.events);
    const [expected, got] = [again, line].map(({ decisions }) => JSON.stringify(decisions));
    if (expected !== got)
      throw new InputError({
        expected: `the decisions of ${name}, ${expected},`,
        file: path.join(folder, FLEET_FILES.journal),
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
export function jobsWithAdapters({ events, metrics, jobs }: LoadedFleet): readonly PlannedJob[] {
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

/** Tokens of rows by step: each step has parts, and each part rows. */
function tokensOf(steps: readonly (FleetComer["steps"][number] | undefined)[]): ReadonlyMap<number, number> {
  return new Map(
    steps.flatMap((parts, step) =>
      parts === undefined ? [] : [[step, sum(parts.flatMap((rows) => rows.map(([, , tokens]) => tokens)))] as const],
    ),
  );
}

/** What metrics.jsonl is to have of each job of a fleet, by name. */
function recordedJobs(
  { jobs, journal, state }: LoadedFleet,
  words: ReadonlyMap<string, JobWord>,
): ReadonlyMap<string, RecordedJob> {
  const told = toldOf(journal.lines);
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

/** Whether devices reported each action of a plan once; all of them where the fleet came to its end. */
function checkCompletions(file: string, plan: PlanBody, { actions }: SegmentsBegin, isWhole: boolean): void {
  const counts = plan.actions.map(() => 0);
  for (const { stage, done } of readCompletions(linesOfFile(file), file, plan, actions))
    if (done.stream === "compute" && done.id >= actions[stage]!) counts[stage]! += 1;
  if (!isWhole) return;
  const lacking = counts.findIndex((count, stage) => count !== plan.actions[stage]!.length);
  if (lacking >= 0)
    throw new InputError({
      expected: `${plan.actions[lacking]!.length} actions of stage ${lacking}`,
      file,
      got: counts[lacking],
    });
}

/** What was seen of a fleet before it went on: each part has a setting, a plan that follows on it, and actions of it. */
function checkEarlier(folder: string): void {
  const within = path.join(folder, FLEET_FILES.earlier);
  const parts = earlierParts(folder);
  checkNumbers(within, parts);
  for (const part of parts) {
    const at = (name: string): string => path.join(part, name);
    const setting = parseSetting(readFileSync(at(FLEET_FILES.setting), "utf8"), at(FLEET_FILES.setting));
    const { begin, segments } = parseSegments(linesOfFile(at(FLEET_FILES.segments)), at(FLEET_FILES.segments), setting);
    const plan = fleetPlanBody(setting, segments);
    // What was written last may be of a segment that was not written yet.
    const known = at(FLEET_FILES.completions);
    for (const _ of readCompletions(wholeSegments(known, plan, begin), known, plan, begin.actions));
  }
}

/** Lines of what devices reported but for those at the end that are of a later segment. */
function* wholeSegments(file: string, plan: PlanBody, { actions }: SegmentsBegin): Generator<string> {
  for (const line of linesOfFile(file)) {
    const [stage, , id] = line.endsWith("\n") ? (JSON.parse(line) as [number, string, number]) : [];
    const known = stage === undefined ? undefined : plan.actions[stage]?.length;
    if (known !== undefined && id! >= actions[stage!]! + known) return;
    yield line;
  }
}

/** Whether the scheduler's lines follow on each other, and are of jobs that had arrived. @throws InputError */
function checkOrder({ journal: { lines } }: LoadedFleet, file: string): void {
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
function checkComers({ jobs, journal }: LoadedFleet, file: string): void {
  const arrived = journal.lines.flatMap(({ events }) =>
    events.flatMap((event) => (event.kind === "arrived" ? [event] : [])),
  );
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
 * What is wrong with the folder of a live fleet, one thing after another: its jobs, the plan as it grew, what devices
 * reported of it, each step of each job once, decisions, which are made again from the journal's events, the adapters of
 * jobs that are over, and checkpoints.
 */
export function* faultsOfFleet(place: Place, folder: string, fleet: LoadedFleet): Generator<InputError | PlanError> {
  const { setting, segments, begin, state, journal, events, jobs } = fleet;
  const full = absolute(place, folder);
  const at = (...names: readonly string[]): string => path.join(full, ...names);
  const plan = fleetPlanBody(setting, segments);
  const isOver = state !== "unfinished";
  // Folders from before they were written down have none, and do not say what was written of adapters.
  const isRecent = events.some((line) => line.event === "job ended" && line.written !== undefined);
  const hasJobs = isRecent || existsSync(at(FLEET_FILES.jobs));
  const words = jobWords(events, new Map(jobs.map(({ job }) => [job.name, Number.POSITIVE_INFINITY])));
  const recorded = recordedJobs(fleet, words);
  const checks: readonly (() => void)[] = [
    () => {
      if (isOver && segments.length > 0 && begin.segments === 0) validatePlan(plan, stoppedOf(journal.lines));
    },
    () => {
      if (hasJobs) checkComers(fleet, at(FLEET_FILES.jobs));
    },
    () => {
      // What is written last of a fleet that goes on can be of a segment that is not written yet.
      if (isOver) checkCompletions(at(FLEET_FILES.completions), plan, begin, state === "ended");
    },
    () => checkEarlier(full),
    () => {
      if (!hasJobs) return;
      const file = at(FLEET_FILES.metrics);
      const lowest = checkMetrics(linesOfFile(file), file, recorded, isOver);
      checkJournal(at(FLEET_FILES.journal), events, words, recorded, lowest);
    },
    () => {
      const files = [FLEET_FILES.jobs, FLEET_FILES.segments, FLEET_FILES.journal, FLEET_FILES.completions];
      for (const name of isOver ? files : []) checkLineEnd(at(name));
    },
    () => checkOrder(fleet, at(FLEET_FILES.journal)),
    () => void checkDecisions(folder, fleet),
  ];
  for (const check of checks) {
    const fault = faultOf(check);
    if (fault === undefined) continue;
    yield fault;
    break;
  }
  const told = toldOf(journal.lines);
  const silent = jobs.find(
    ({ number, job }) => told.get(number)?.hasEnded === true && words.get(job.name) === undefined,
  );
  if (state === "ended" && silent !== undefined)
    yield new InputError({
      expected: `"job ended" of job ${silent.job.name}`,
      file: at(FLEET_FILES.journal),
      got: "none",
    });
  const { architecture } = setting.model;
  const over = jobsWithAdapters(fleet);
  const written = (kind: "adapter" | "best") => (job: string) => words.get(job)?.ended?.written?.[kind];
  yield* wrongAdapters(at(FLEET_FILES.adapters), over, architecture, written("adapter"));
  const best = over.filter(
    ({ name, evaluation }) => evaluation?.keepBest === true && words.get(name)?.ended?.best !== undefined,
  );
  yield* wrongAdapters(at(FLEET_FILES.best), best, architecture, written("best"));
  yield* wrongCheckpoints(full, events, state === "ended", fleetOwner(setting, jobs));
}

/**
 * The folder of a live fleet, by the first of its faults. Returns what a person would want to know.
 * @throws InputError, PlanError
 */
export function checkFleetFolder(place: Place, folder: string): readonly string[] {
  const fleet = loadFleetFolder(place, folder);
  for (const fault of faultsOfFleet(place, folder, fleet)) throw fault;
  const { state, journal, begin } = fleet;
  const remarks = [
    begin.segments === 0
      ? undefined
      : `the first ${begin.segments} segments of the plan are kept no longer: what came before was not checked.`,
    journal.tornLine === undefined ? undefined : `line ${journal.tornLine} of the journal was not written to its end.`,
    checkDecisions(folder, fleet),
    state === "unfinished"
      ? `the fleet ${isFleetGoingOn(fleet) ? "goes on" : "was cut off"}; all that is said is of what was written by now.`
      : undefined,
  ];
  return remarks.filter((remark) => remark !== undefined);
}
