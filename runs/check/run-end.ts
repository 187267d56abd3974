import path from "node:path";
import { counted } from "../../core/index.ts";
import type { Place } from "../../files/index.ts";
import type { PlannedJob } from "../../plan/index.ts";
import { failureOf, isGoingOn, stoppedByJournal } from "../folder/read-journal.ts";
import { type Run, readRun, stepsDone } from "../folder/read-run.ts";
import { RUN_FILES, RUN_WORDS } from "../folder/run-files.ts";
import { plansOfRun } from "../resume/resume-plan.ts";
import { wrongAdapters } from "./check-records.ts";
import { faultsOf } from "./check-run.ts";

/** How the run in a folder has ended, or that it has not. */
export interface RunEnd {
  readonly kind: (typeof RUN_WORDS)[keyof typeof RUN_WORDS];
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
function endByJournal(run: Run, far: string): readonly string[] {
  const last = run.events.at(-1);
  const what = run.kind === "plan" ? "run" : "fleet";
  if (last?.event === "ended") return [];
  const { why } = failureOf(run.events);
  if (isGoingOn(run)) return [`The ${what} goes on: ${far}.`];
  if (why !== undefined) return [`The ${what} has failed: ${why}`];
  return [`The ${what} was ${last?.event === "ended early" ? "ended early" : "cut off"}: ${far}.`];
}

/** The sentence of a fault. */
const sentenceOf = (fault: Error): string => fault.message.split("\n", 1)[0]!;

/** All jobs of a run: what is left of one that was resumed is planned without those that had ended. */
function jobsOf(run: Run): readonly PlannedJob[] {
  return run.kind === "fleet"
    ? run.jobs.map(({ job }) => job)
    : plansOfRun({ cwd: run.folder }, ".", run.plan).at(-1)!.jobs;
}

/** How far a run got, in words. */
function farOf(run: Run): string {
  if (run.kind === "plan") return run.part === undefined ? "all steps are made" : stepsDone(run.plan, run.part);
  const made = new Map(run.metrics.map(({ job, step }) => [job, step + 1]));
  const done = run.jobs.filter(({ job: { name, steps } }) => (made.get(name) ?? 0) >= steps);
  return `${counted(run.metrics.length, "step")}, ${done.length} of ${counted(run.jobs.length, "job")} with all their steps`;
}

/** Looks at how the run in a folder has ended. @throws InputError for a folder that is no run's */
export function endOf(place: Place, folder: string): RunEnd {
  const run = readRun(place, folder);
  const stopped = stoppedByJournal(run.events);
  const ended = endByJournal(run, farOf(run));
  const missing = [...ended, ...[...faultsOf(run)].map(sentenceOf)];
  const jobs = jobsOf(run).filter(({ name }) => !stopped.has(name));
  const { architecture } = (run.kind === "plan" ? run.plan : run.setting).model;
  const wrong = [...wrongAdapters(path.join(run.folder, RUN_FILES.adapters), jobs, architecture)];
  return {
    kind: RUN_WORDS[run.kind],
    isAsPlanned: missing.length === 0 && (run.kind === "fleet" || stopped.size === 0),
    ...{ missing, stopped, numAdapters: jobs.length - wrong.length },
    isCutOff: ended.length > 0 && !isGoingOn(run),
  };
}
