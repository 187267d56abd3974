import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import type { JobState, PastLosses } from "../../exec/index.ts";
import { absolute, linesOfFile, type Place } from "../../files/index.ts";
import {
  type CheckpointJob,
  type Plan,
  type PlannedJob,
  planFileText,
  restOfPlan,
  sealPlan,
} from "../../plan/index.ts";
import { predictPlan } from "../../sim/index.ts";
import type { StoppedJob } from "../../traces/index.ts";
import { checkOwned } from "../checkpoints/check-saved-job.ts";
import { type CheckOwner, stateOf } from "../checkpoints/find-checkpoint.ts";
import { readMetrics } from "../folder/metrics-lines.ts";
import { stopsByJournal } from "../folder/read-journal.ts";
import { readPlanOfRun } from "../folder/read-run.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import {
  beginAgain,
  checkSameJob,
  earlierParts,
  findStopped,
  nextPart,
  resumeNotes,
  type StoppedRun,
} from "./stopped-run.ts";

/** The run of a plan that did not get to its end. */
export interface ResumablePlan extends StoppedRun {
  readonly kind: "plan";
  /** The plan that the checkpoint was taken of, or the run's first. */
  readonly base: Plan;
  /** By name of all jobs of the run, steps that they have made. */
  readonly done: ReadonlyMap<string, number>;
  /** Jobs that were stopped, and are over, by name. */
  readonly stops: ReadonlyMap<string, StoppedJob>;
  /** What it goes on from, for people. */
  readonly notes: readonly string[];
}

/**
 * The plans that a run has carried out, the newest first. `newest`: where it was read before.
 * @throws InputError for a folder that is no run's
 */
export function plansOfRun(
  place: Place,
  folder: string,
  newest: Plan = readPlanOfRun(place, folder),
): readonly [Plan, ...Plan[]] {
  const earlier = earlierParts(absolute(place, folder)).toReversed();
  return [newest, ...earlier.map((part) => readPlanOfRun(place, part))];
}

/**
 * All jobs of a run of a plan, those that were over before it went on included, in the order of its first plan.
 * @throws InputError
 */
export function jobsOfPlanRun(place: Place, folder: string): readonly PlannedJob[] {
  const byName = new Map<string, PlannedJob>();
  for (const { jobs } of plansOfRun(place, folder).toReversed())
    for (const job of jobs) if (!byName.has(job.name)) byName.set(job.name, job);
  return [...byName.values()];
}

/** Refuses a checkpoint of none of the plans that a run has carried out. @throws InputError */
export function ownerOf(plans: readonly Plan[]): CheckOwner {
  return (checkpoint, read) => {
    const plan = plans.find(({ hash }) => hash === checkpoint.planHash);
    if (plan === undefined)
      throw new InputError({
        expected: "a checkpoint of this run",
        file: read.file,
        at: "planHash",
        got: "that of another plan",
      });
    // Jobs that the plan has no more have made all of their steps.
    const all = plans.flatMap(({ jobs }) => jobs.map((job) => ({ ...job, firstStep: job.steps })));
    const jobs = new Map([...all, ...plan.jobs].map((job) => [job.name, job]));
    checkOwned(checkpoint, read, { model: plan.model, jobs, needed: plan.jobs });
  };
}

/**
 * The plan that was carried out last is there, and `base`, which the run goes on from, was carried out, as the journal
 * tells: checkpoints of a plan that was changed would be nobody's, and the run would begin anew, by another plan. A
 * process that was killed before it started may have left a plan of its own beside these.
 * @throws InputError
 */
function checkPlans(plans: readonly Plan[], base: Plan, { folder, events }: StoppedRun): void {
  const started = events.flatMap((line) => (line.event === "started" ? [line.plan] : []));
  const last = started.at(-1);
  // An earlier version has not written it down.
  if (last === undefined || started.includes(undefined)) return;
  if (plans.some(({ hash }) => hash === last) && started.includes(base.hash)) return;
  throw new InputError({
    expected: `the plan ${last.slice(0, 19)}..., which the run has carried out last,`,
    file: path.join(folder, RUN_FILES.plan),
    at: "hash",
    got: plans[0]!.hash,
    hint: "A plan that was changed is another one: train it into another folder.",
  });
}

/** @throws InputError for a run that cannot be resumed */
export function findResumablePlan(place: Place, given: string): ResumablePlan {
  const plans = plansOfRun(place, given);
  const stopped = findStopped(absolute(place, given), given, ownerOf(plans));
  const { checkpoint } = stopped.found;
  const base = checkpoint === undefined ? plans.at(-1)! : plans.find(({ hash }) => hash === checkpoint.planHash)!;
  checkPlans(plans, base, stopped);
  const jobs = checkpoint?.jobs ?? base.jobs.map(({ name, steps }) => ({ name, step: 0, steps }));
  const done = new Map(jobs.map(({ name, step }) => [name, step]));
  const stops = [...stopsByJournal(stopped.events)].filter(([name, { step }]) => (done.get(name) ?? 0) > step);
  const numLeft = jobs.filter(({ step, steps }) => step < steps).length;
  return {
    ...{ ...stopped, kind: "plan", base, notes: resumeNotes(stopped, numLeft, jobs.length - numLeft) },
    ...{ done, stops: new Map(stops) },
  };
}

/** What is left of the plan that was carried out; undefined where nothing is. @throws PlanError */
export function restOfRun({ base, done, stops }: ResumablePlan): Plan | undefined {
  const body = restOfPlan(
    base,
    base.jobs.map(({ name }) => done.get(name)!),
    new Set(base.jobs.flatMap(({ name }, job) => (stops.has(name) ? [job] : []))),
  );
  if (body === undefined) return undefined;
  return sealPlan(predictPlan(body).body, base.locations);
}

/** What a plan for the rest of a run goes on from. */
export interface ResumedWork {
  /** By job of the plan; undefined for one that has made no step. */
  readonly from: readonly (JobState | undefined)[];
  /** Jobs of the plan that were stopped, and are there for those that they share micro-batches with. */
  readonly stopped: ReadonlySet<number>;
  /** Losses of the steps before. */
  readonly past: PastLosses;
  readonly ended: readonly CheckpointJob[];
}

/**
 * Reads the states that a plan for the rest of a run starts with.
 * @throws InputError for a plan with other jobs than those that are left
 */
export function resumedWork(resumed: ResumablePlan, plan: Plan): ResumedWork {
  const { folder, found, base, done, stops } = resumed;
  const { checkpoint } = found;
  const before = new Map(base.jobs.map((job) => [job.name, job]));
  for (const job of plan.jobs) checkSameJob(before.get(job.name), job);
  const given = new Set(plan.jobs.map(({ name }) => name));
  const missing = base.jobs.find(({ name, steps }) => done.get(name)! < steps && !given.has(name));
  if (missing !== undefined)
    throw new InputError({ expected: `a job ${missing.name}, which has not ended`, got: "none" });
  const saved = new Map(checkpoint?.jobs.map((job) => [job.name, job]));
  const metrics = path.join(folder, RUN_FILES.metrics);
  return {
    from: plan.jobs.map((job) =>
      stops.has(job.name) ? undefined : stateOf(folder, saved.get(job.name), job, plan.model.architecture),
    ),
    stopped: new Set(plan.jobs.flatMap(({ name }, job) => (stops.has(name) ? [job] : []))),
    past: readMetrics(linesOfFile(metrics), metrics),
    ended: checkpoint?.jobs.filter(({ step, steps }) => step === steps) ?? [],
  };
}

/** Makes the folder of a run ready for a plan for its rest. */
export function beginPlanAgain(resumed: ResumablePlan, plan: Plan): void {
  const { folder, done } = resumed;
  const last = earlierParts(folder).at(-1);
  const textIn = (part: string): string => readFileSync(path.join(part, RUN_FILES.plan), "utf8");
  const isThere = last !== undefined && textIn(last) === textIn(folder);
  const isSeen = [RUN_FILES.trace, RUN_FILES.completions].some((name) => existsSync(path.join(folder, name)));
  const part = isThere ? (isSeen ? last : undefined) : nextPart(folder);
  beginAgain(resumed, { part, done, plan: planFileText(plan) });
}
