import { existsSync, linkSync, readdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError, shellQuoted } from "../../core/index.ts";
import type { JobState } from "../../exec/index.ts";
import {
  absolute,
  linesOfFile,
  type Place,
  wholeLinesOf,
  writePieces,
  writeWholeFile,
  writeWholeFolder,
} from "../../files/index.ts";
import {
  type Checkpoint,
  type CheckpointJob,
  jobDigest,
  type Plan,
  planDocument,
  readText,
  restOfPlan,
  sealPlan,
} from "../../plan/index.ts";
import { predictPlan } from "../../sim/index.ts";
import { checkSavedJob, checkSteps } from "../checkpoints/check-saved-job.ts";
import {
  type CheckOwner,
  type FoundCheckpoint,
  findCheckpoint,
  putAside,
  stateOf,
} from "../checkpoints/find-checkpoint.ts";
import { weightsByJournal } from "../checkpoints/known-weights.ts";
import type { JournalLine } from "../folder/journal.ts";
import { isGoingOn, readJournalEvents, readPlanOfRun } from "../folder/load-run.ts";
import { RUN_FILES } from "../folder/run-folder.ts";

/** A run that did not get to its end, and where it can go on. */
export interface ResumableRun {
  /** Absolute. */
  readonly folder: string;
  /** The plan that the checkpoint was taken of, or the run's first. */
  readonly base: Plan;
  readonly found: FoundCheckpoint;
  /** By name of all jobs of the run, steps that they have made. */
  readonly done: ReadonlyMap<string, number>;
  /** The digest of the weights that it trained on last; undefined where its journal does not tell. */
  readonly weights: string | undefined;
}

/** Folders of earlier parts of a run, oldest first. */
export function earlierParts(folder: string): readonly string[] {
  const within = path.join(folder, RUN_FILES.earlier);
  if (!existsSync(within)) return [];
  const numbers = readdirSync(within).filter((name) => /^\d+$/.test(name));
  return numbers.sort((a, b) => Number(a) - Number(b)).map((name) => path.join(within, name));
}

/** The plans that a run has carried out, the newest first. @throws InputError for a folder that is no run's */
export function plansOfRun(place: Place, folder: string): readonly [Plan, ...Plan[]] {
  const earlier = earlierParts(absolute(place, folder)).toReversed();
  return [readPlanOfRun(place, folder), ...earlier.map((part) => readPlanOfRun(place, part))];
}

/** Refuses a checkpoint of none of the plans that a run has carried out. @throws InputError */
export function ownerOf(plans: readonly Plan[]): CheckOwner {
  return (checkpoint, read) => {
    const { file } = read;
    const plan = plans.find(({ hash }) => hash === checkpoint.planHash);
    if (plan === undefined || plan.model.digest !== checkpoint.modelDigest)
      throw new InputError({ expected: "a checkpoint of this run", file, at: "planHash", got: "that of another plan" });
    checkSteps(checkpoint, read, true);
    for (const job of plan.jobs) checkSavedJob(savedJob(checkpoint, job.name), job, read);
    for (const saved of checkpoint.jobs) {
      if (plan.jobs.some(({ name }) => name === saved.name)) continue;
      const job = plans.flatMap(({ jobs }) => jobs).find(({ name }) => name === saved.name);
      if (job === undefined || saved.step !== job.steps)
        throw new InputError({
          expected: "jobs of this run, with all steps where the plan has them no more",
          file,
          at: "jobs",
          got: saved.name,
        });
      checkSavedJob(saved, job, read);
    }
  };
}

function savedJob({ jobs }: Checkpoint, name: string): CheckpointJob | undefined {
  return jobs.find((each) => each.name === name);
}

/** What befell a run, by its folder. @throws InputError */
export function journalOfRun(folder: string): readonly JournalLine[] {
  const file = path.join(folder, RUN_FILES.journal);
  return readJournalEvents(linesOfFile(file), file);
}

/** @throws InputError for a run that goes on, or has got to its end */
export function checkStopped(journal: readonly JournalLine[], given: string): void {
  const last = journal.findLast(({ event }) => event === "ended" || event === "ended early" || event === "started");
  if (last?.event === "ended")
    throw new InputError({
      expected: "a run that did not get to its end",
      at: "--resume",
      got: given,
      hint: `Its adapters are in ${given}/adapters. More steps are a new run, whose jobs start from them: \`adapter: { init: ... }\`.`,
    });
  if (last?.event === "started" && isGoingOn({ state: "unfinished", journal }))
    throw new InputError({
      expected: "a run that nobody carries out",
      at: "--resume",
      got: given,
      hint: `Process ${last.process} does; \`loratwin watch ${shellQuoted(given)}\` shows it.`,
    });
}

/** Jobs that were stopped in earlier parts of a run, as their losses or gradients were not finite, and are not left. */
export function stoppedBefore(
  { folder }: Pick<ResumableRun, "folder">,
  left: Pick<Plan, "jobs">,
): ReadonlyMap<string, { readonly step: number; readonly why: string }> {
  const events = journalOfRun(folder);
  const names = new Set(left.jobs.map(({ name }) => name));
  return new Map(
    events.flatMap((event) => {
      if (event.event !== "job stopped" || names.has(event.job)) return [];
      const { job, step, why } = event;
      return [[job, { step, why }] as const];
    }),
  );
}

/**
 * The plan that was carried out last is there, and `base`, which the run goes on from, was carried out, as the journal
 * tells: checkpoints of a plan that was changed would be nobody's, and the run would begin anew, by another plan. A
 * process that was killed before it started may have left a plan of its own beside these.
 * @throws InputError
 */
function checkPlans(plans: readonly Plan[], base: Plan, journal: readonly JournalLine[], file: string): void {
  const started = journal.flatMap((line) => (line.event === "started" ? [line.plan] : []));
  const last = started.at(-1);
  // An earlier version has not written it down.
  if (last === undefined || started.includes(undefined)) return;
  if (plans.some(({ hash }) => hash === last) && started.includes(base.hash)) return;
  throw new InputError({
    expected: `the plan ${last.slice(0, 19)}..., which the run has carried out last,`,
    file,
    at: "hash",
    got: plans[0]!.hash,
    hint: "A plan that was changed is another one: train it into another folder.",
  });
}

/** Finds the newest checkpoint to go on from. Nothing is changed. @throws InputError for a run that cannot be resumed */
export function findResumable(place: Place, given: string): ResumableRun {
  const folder = absolute(place, given);
  const plans = plansOfRun(place, given);
  const journal = journalOfRun(folder);
  checkStopped(journal, given);
  const found = findCheckpoint(folder, ownerOf(plans));
  const { checkpoint } = found;
  const base = checkpoint === undefined ? plans.at(-1)! : plans.find(({ hash }) => hash === checkpoint.planHash)!;
  const jobs = checkpoint?.jobs ?? base.jobs.map(({ name }) => ({ name, step: 0 }));
  checkPlans(plans, base, journal, path.join(folder, RUN_FILES.plan));
  const weights = weightsByJournal(journal);
  return { folder, base, found, done: new Map(jobs.map(({ name, step }) => [name, step])), weights };
}

/** What is left of the plan that was carried out; undefined where nothing is. @throws PlanError */
export function restOfRun({ base, done }: ResumableRun): Plan | undefined {
  const body = restOfPlan(
    base,
    base.jobs.map(({ name }) => done.get(name)!),
  );
  if (body === undefined) return undefined;
  return sealPlan(predictPlan(body).body, base.locations);
}

/** What a plan for the rest of a run goes on from. */
export interface ResumedWork {
  /** By job of the plan; undefined for one that has made no step. */
  readonly from: readonly (JobState | undefined)[];
  readonly ended: readonly CheckpointJob[];
}

/**
 * Reads the states that a plan for the rest of a run starts with.
 * @throws InputError for a plan with other jobs than those that are left
 */
export function resumedWork({ folder, found: { checkpoint }, base, done }: ResumableRun, plan: Plan): ResumedWork {
  const digests = new Map(base.jobs.map((job) => [job.name, jobDigest(job)]));
  plan.jobs.forEach((job) => {
    if (digests.get(job.name) !== jobDigest(job) || (job.firstStep ?? 0) !== done.get(job.name))
      throw new InputError({
        expected: `job ${job.name} as the run has it: data, seed, adapter, optimizer and steps`,
        at: "--resume",
        got: digests.has(job.name) ? "another one" : "no such job",
      });
  });
  const missing = base.jobs.find(
    ({ name, steps }) => done.get(name)! < steps && plan.jobs.every((job) => job.name !== name),
  );
  if (missing !== undefined)
    throw new InputError({ expected: `a job ${missing.name}, which has not ended`, at: "--resume", got: "none" });
  return {
    from: plan.jobs.map((job) =>
      checkpoint === undefined
        ? undefined
        : stateOf(folder, savedJob(checkpoint, job.name), job, plan.model.architecture),
    ),
    ended: checkpoint?.jobs.filter(({ step, steps }) => step === steps) ?? [],
  };
}

/** Takes the lines of steps that are made again out of metrics.jsonl. `done`: steps that jobs have made, by name. */
export function keepMetrics(file: string, done: ReadonlyMap<string, number>): void {
  function* kept(): Generator<string> {
    for (const line of wholeLinesOf(file)) {
      const { job, step } = readText(line, file).value as { readonly job: string; readonly step: number };
      if (step < (done.get(job) ?? 0)) yield line;
    }
  }
  writeWholeFile(file, (descriptor) => writePieces(descriptor, kept()));
}

/**
 * Makes the folder of a run ready for a plan for its rest: what was seen of the part before is put into `earlier`, and
 * the lines of steps that are made again are taken out. In such an order that a process that is killed meanwhile leaves
 * a folder that can be resumed.
 */
export function beginAgain({ folder, found, done }: ResumableRun, plan: Plan): void {
  const at = (name: string): string => path.join(folder, name);
  const parts = earlierParts(folder);
  const planText = readFileSync(at(RUN_FILES.plan), "utf8");
  const last = parts.at(-1);
  const isThere = last !== undefined && readFileSync(path.join(last, RUN_FILES.plan), "utf8") === planText;
  const part = isThere ? last : at(path.join(RUN_FILES.earlier, String(parts.length + 1)));
  const seen = [RUN_FILES.trace, RUN_FILES.completions].find((name) => existsSync(at(name)));
  if (!isThere || seen !== undefined)
    writeWholeFolder(part, (unfinished) => {
      writeWholeFile(path.join(unfinished, RUN_FILES.plan), planText);
      if (seen !== undefined) linkSync(at(seen), path.join(unfinished, seen));
    });
  keepMetrics(at(RUN_FILES.metrics), done);
  for (const name of [RUN_FILES.trace, RUN_FILES.completions, RUN_FILES.notice]) rmSync(at(name), { force: true });
  writeWholeFile(at(RUN_FILES.plan), `${canonicalJson(planDocument(plan))}\n`);
  putAside(folder, found);
}
