import path from "node:path";
import { InputError } from "../core/index.ts";
import { readPeftFolder } from "../exec/index.ts";
import {
  createCostModel,
  cutOff,
  fleetPlanBody,
  type JournalLine,
  type PlannedJob,
  POLICIES,
  Scheduler,
  validatePlan,
} from "../plan/index.ts";
import { fleetModel } from "../sim/index.ts";
import type { Place } from "./context.ts";
import { linesOfFile } from "./file-lines.ts";
import { absolute } from "./files.ts";
import { FLEET_FILES } from "./fleet-folder.ts";
import { isFleetGoingOn, type LoadedFleet, loadFleetFolder } from "./load-fleet.ts";
import { readCompletions, stoppedByJournal } from "./load-run.ts";
import { learnedBy } from "./sizes.ts";

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
  const from = journal.lines.findLastIndex(({ events }) => events.some(({ kind }) => kind === "restored"));
  const before = journal.lines.slice(0, Math.max(0, from));
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

/**
 * Every file of a live fleet's folder: its setting, its jobs, the plan as it grew, what devices reported of it, steps,
 * decisions, which are made again from the journal's events, and the adapters of jobs that are over. Returns what a
 * person would want to know.
 * @throws InputError, PlanError for the first thing that is wrong
 */
export function checkFleetFolder(place: Place, folder: string): readonly string[] {
  const fleet = loadFleetFolder(place, folder);
  const { setting, segments, state, journal } = fleet;
  const at = (...names: readonly string[]): string => absolute(place, path.join(folder, ...names));
  const plan = fleetPlanBody(setting, segments);
  if (state !== "unfinished" && segments.length > 0) validatePlan(plan, stoppedOf(journal.lines));
  const reported = at(FLEET_FILES.completions);
  // What is written last of a fleet that goes on can be of a segment that is not written yet.
  if (state !== "unfinished") for (const _ of readCompletions(linesOfFile(reported), reported, plan));
  for (const { name, adapter } of jobsWithAdapters(fleet))
    readPeftFolder(at(FLEET_FILES.adapters, name), adapter, setting.model.architecture);
  const remarks = [
    journal.tornLine === undefined ? undefined : `line ${journal.tornLine} of the journal was not written to its end.`,
    checkDecisions(folder, fleet),
    state === "unfinished"
      ? `the fleet ${isFleetGoingOn(fleet) ? "goes on" : "was cut off"}; all that is said is of what was written by now.`
      : undefined,
  ];
  return remarks.filter((remark) => remark !== undefined);
}
