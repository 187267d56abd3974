import path from "node:path";
import { counted } from "../../core/index.ts";
import { absolute, type Place } from "../../files/index.ts";
import { faultsOfFleet, jobsWithAdapters } from "../check/check-fleet.ts";
import { wrongAdapters } from "../check/check-records.ts";
import { faultsOfRun } from "../check/check-run-folder.ts";
import { plansOfRun } from "../resume/resume-plan.ts";
import { FLEET_FILES } from "./fleet-folder.ts";
import type { JournalLine } from "./journal.ts";
import { isFleetFolder, isFleetGoingOn, loadFleetFolder } from "./load-fleet.ts";
import { failureOf, isGoingOn, journalOfRun, loadRun, stepsDone, stoppedByJournal } from "./load-run.ts";
import { RUN_FILES } from "./run-folder.ts";

/** How the run in a folder has ended, or that it has not. */
export interface RunEnd {
  readonly kind: "run folder" | "live fleet's folder";
  /** Whether all that was planned is there. A fleet goes on without a job that was stopped; of a plan it is a part. */
  readonly isAsPlanned: boolean;
  /** A sentence for each thing that would be otherwise if the run had ended as planned; none where it has. */
  readonly missing: readonly string[];
  /** Jobs that trained no further since a step of them was not finite, and why. */
  readonly stopped: ReadonlyMap<string, string>;
  /** How many adapters are there and whole. */
  readonly numAdapters: number;
  /** Whether it can be gone on with: by what the journal says it has not ended, and no process carries it out. */
  readonly isCutOff: boolean;
}

/** What the journal says of the end, where that is not "ended", its last word. */
function endByJournal(what: string, journal: readonly JournalLine[], goesOn: boolean, far: string): readonly string[] {
  const last = journal.at(-1);
  if (last?.event === "ended") return [];
  const { why } = failureOf(journal);
  if (goesOn) return [`The ${what} goes on: ${far}.`];
  if (why !== undefined) return [`The ${what} has failed: ${why}`];
  return [`The ${what} was ${last?.event === "ended early" ? "ended early" : "cut off"}: ${far}.`];
}

/** The sentence of a fault. */
const sentenceOf = (fault: Error): string => fault.message.split("\n", 1)[0]!;

function endOfRun(place: Place, given: string): RunEnd {
  const folder = absolute(place, given);
  const run = loadRun(place, given);
  const { plan, journal, part } = run;
  const goesOn = isGoingOn(run);
  const stopped = stoppedByJournal(journal);
  const far = part === undefined ? "all steps are made" : stepsDone(plan, part);
  const ended = endByJournal("run", journal, goesOn, far);
  // What is left of a run that was resumed is planned without the jobs that had ended.
  const jobs = plansOfRun(place, given, plan)
    .at(-1)!
    .jobs.filter(({ name }) => !stopped.has(name));
  const wrong = [...wrongAdapters(path.join(folder, RUN_FILES.adapters), jobs, plan.model.architecture)];
  const missing = ended.length > 0 ? ended : [...faultsOfRun(place, given, run)].map(sentenceOf);
  return {
    kind: "run folder",
    isAsPlanned: missing.length === 0 && stopped.size === 0,
    missing,
    stopped,
    numAdapters: jobs.length - wrong.length,
    isCutOff: ended.length > 0 && !goesOn,
  };
}

function endOfFleet(place: Place, given: string): RunEnd {
  const fleet = loadFleetFolder(place, given);
  const { events, setting, metrics } = fleet;
  const goesOn = isFleetGoingOn(fleet);
  const jobs = jobsWithAdapters(fleet);
  const folder = path.join(absolute(place, given), FLEET_FILES.adapters);
  const ended = endByJournal(
    "fleet",
    events,
    goesOn,
    `${counted(metrics.length, "step")}, ${counted(jobs.length, "job")} done`,
  );
  const wrong = [...wrongAdapters(folder, jobs, setting.model.architecture)];
  const missing = [...ended, ...[...faultsOfFleet(place, given, fleet)].map(sentenceOf)];
  return {
    kind: "live fleet's folder",
    isAsPlanned: missing.length === 0,
    missing,
    stopped: stoppedByJournal(events),
    numAdapters: jobs.length - wrong.length,
    isCutOff: ended.length > 0 && !goesOn,
  };
}

/** Looks at how the run, or the jobs over time, in a folder have ended. @throws InputError for a folder of neither */
export function endOf(place: Place, folder: string): RunEnd {
  return isFleetFolder(place, folder) ? endOfFleet(place, folder) : endOfRun(place, folder);
}

/**
 * When the run in a folder was begun or gone on with last, in UTC: of two ends of one folder it tells whether somebody has
 * carried it out in between. Undefined where nobody has.
 */
export function lastStart(place: Place, folder: string): string | undefined {
  return journalOfRun(absolute(place, folder)).findLast(({ event }) => event === "started")?.time;
}
