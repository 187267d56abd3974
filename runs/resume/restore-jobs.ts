import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { type DueInput, type JobState, ReadState, readJobState } from "../../exec/index.ts";
import {
  type AskedEvent,
  comparesWithStart,
  type FleetComer,
  type Job,
  type JobRequest,
  type PastSweeps,
  type SweepHalving,
  type SweepVerdict,
} from "../../plan/index.ts";
import { type LoadedWorkload, loadInputs, openWorkload, type RowReader } from "../../workbench/index.ts";
import type { Checkpoints } from "../checkpoints/checkpoints.ts";
import { stateOf } from "../checkpoints/find-checkpoint.ts";
import { startFile } from "../folder/fleet-folder.ts";
import type { JournalEvent } from "../folder/journal.ts";
import { stoppedByJournal } from "../folder/read-journal.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { startOfJob } from "../live/fleet-work.ts";
import { judgeEnd, judgeEvaluation, judgeStep } from "../live/judge-losses.ts";
import { forgetLosses, type KeptJob, keepDecision, keepEvent, newKeptJob } from "../live/kept-job.ts";
import { halvingLine } from "../live/live-halving.ts";
import type { LiveNotice, LiveSubmission } from "../live/live-job.ts";
import { type RestoredFleet, type RestoredJob, type ResumableFleet, writtenJobs } from "./resume-fleet.ts";

/** What a job that is there again trains on, and from. */
export interface InputAgain {
  readonly rows: readonly Row[];
  readonly input: DueInput;
}

/** What a live fleet goes on with. */
export interface FleetThatGoesOn {
  readonly found: ResumableFleet;
  readonly restored: RestoredFleet;
  /** By number, all that had come and that somebody was told of. */
  readonly jobs: KeptJob[];
  /** By number, of those that are not over. */
  readonly inputs: ReadonlyMap<number, InputAgain>;
  /** Those that nobody was told of. */
  readonly again: readonly LiveSubmission[];
}

/** What halving said last of a job. */
type Said = Pick<SweepVerdict, "kind" | "why">;

/** What is asked of a job anew that is there again: what a person had asked for, and what halving says of it. */
function askedAgain(
  { number, pausedBy }: KeptJob,
  hold: RestoredJob["hold"],
  said: Said | undefined,
): readonly AskedEvent[] {
  if (hold?.kind === "stop") return [{ kind: "stop", number, by: hold.by, why: hold.why }];
  if (said?.kind === "stop") return [{ kind: "stop", number, by: "halving", why: said.why }];
  if (said?.kind === "pause") pausedBy.add("halving");
  if (pausedBy.has("user")) return [{ kind: "pause", number }];
  return said?.kind === "pause" ? [{ kind: "pause", number, by: "halving", why: said.why }] : [];
}

/** @throws InputError for one that came to an earlier version */
function givenJob({ given, job }: FleetComer): Job {
  if (given !== undefined) return given;
  throw new InputError({
    expected: `job ${job.name} as it was asked for, in ${RUN_FILES.jobs}`,
    got: "none",
    hint: "Folders of earlier versions cannot be gone on with.",
  });
}

/** Reads the same data once for all jobs. */
async function readerOf({ workload, source }: LoadedWorkload, cache: boolean): Promise<RowReader> {
  return (await openWorkload({ ...workload, jobs: [] }, path.dirname(source.file), cache)).reader;
}

/** An error at the only job of what was read, as one at the job of that name. */
function placedAtJob(error: unknown, name: string): unknown {
  if (!(error instanceof InputError) || error.facts.at?.startsWith("jobs[0]") !== true) return error;
  return new InputError({ ...error.facts, at: `${name}${error.facts.at.slice("jobs[0]".length)}` }, { cause: error });
}

/**
 * A job of a fleet that goes on, with all that it trains on, and from.
 * @throws InputError where its data or its start are not what they were
 */
async function inputOf(
  folder: string,
  loaded: LoadedWorkload,
  { comer, saved }: Pick<RestoredJob, "comer" | "saved">,
  reader: RowReader,
): Promise<InputAgain & { readonly job: Job }> {
  const job = givenJob(comer);
  const workload = { ...loaded.workload, jobs: [job] };
  const inputs = await loadInputs(workload, loaded.source, false, { reader }).catch((error: unknown) => {
    throw placedAtJob(error, job.name);
  });
  const { digest, initDigest } = inputs.rows[0]!;
  if (digest !== comer.job.dataDigest)
    throw new InputError({ expected: `the data that job ${job.name} came with`, at: job.name, got: "other data" });
  const rows: readonly Row[] = inputs.data[0]!;
  const { architecture } = loaded;
  const savedState = (): JobState | undefined => stateOf(folder, saved, comer.job, architecture);
  const known = savedState();
  const file = startFile(folder, job.name);
  const needsInit = comparesWithStart(job.loss) || (known === undefined && !existsSync(file));
  if (needsInit && initDigest !== comer.job.initDigest)
    throw new InputError({
      expected: `the adapter that job ${job.name} came with`,
      at: `${job.name}.adapter.init`,
      got: "other weights",
    });
  const begin = startOfJob(job, inputs);
  // Whether it can be gone on from is known before the devices are set up; it is held where the fleet holds its states.
  if (known !== undefined) {
    const { reference } = comparesWithStart(job.loss) ? begin() : {};
    const start = new ReadState(() => savedState()!.state);
    return { job, rows, input: { rows, start, reference, best: known.best } };
  }
  if (!existsSync(file)) return { job, rows, input: () => ({ rows, ...begin() }) };
  const facts = { step: 0, best: undefined, keepsBest: false };
  const { parameters } = readJobState(file, comer.job.adapter, architecture, facts).state;
  return { job, rows, input: () => ({ rows, ...begin(), start: { parameters } }) };
}

/** @throws InputError as `inputOf` does */
export async function inputsOf(
  { folder }: Pick<ResumableFleet, "folder">,
  loaded: LoadedWorkload,
  jobs: readonly RestoredJob[],
  cache: boolean,
): Promise<ReadonlyMap<number, InputAgain>> {
  const inputs = new Map<number, InputAgain>();
  const reader = await readerOf(loaded, cache);
  for (const job of jobs) inputs.set(job.event.number, await inputOf(folder, loaded, job, reader));
  return inputs;
}

/** Jobs that had come and were not told of, to come again. @throws InputError as `inputOf` does */
export async function submissionsAgain(
  { folder }: Pick<ResumableFleet, "folder">,
  loaded: LoadedWorkload,
  comers: readonly FleetComer[],
  cache: boolean,
): Promise<readonly LiveSubmission[]> {
  const submissions: LiveSubmission[] = [];
  const reader = await readerOf(loaded, cache);
  for (const comer of comers) {
    const { number: _number, given: _given, ...work } = comer;
    const { job, rows, input } = await inputOf(folder, loaded, { comer, saved: undefined }, reader);
    submissions.push({ job, work, rows, begin: () => (typeof input === "function" ? input() : input) });
  }
  return submissions;
}

/** What a live fleet kept of its jobs, by what its folder tells of them. @throws InputError for earlier versions */
export function keptJobs(found: ResumableFleet, restored: RestoredFleet): KeptJob[] {
  const { folder, comers, lines, events } = found;
  const [written, diverged] = [writtenJobs(found), stoppedByJournal(events)];
  const jobs: KeptJob[] = [];
  const arrived = (number: number, request: JobRequest): void => {
    jobs[number] = newKeptJob(number, { job: givenJob(comers[number]!) }, request);
  };
  for (const { atNs, events, decisions } of lines) {
    for (const event of events) {
      if (event.kind === "arrived") arrived(event.number, event.request);
      if (event.kind === "priority") jobs[event.number]!.priority = event.priority;
      keepEvent(jobs[event.number]!, event, atNs);
    }
    for (const decision of decisions) keepDecision(jobs[decision.number]!, decision, atNs);
  }
  const pathOf = (within: string, name: string): string | undefined => {
    const known = path.join(folder, within, name);
    return written.has(name) && existsSync(known) ? known : undefined;
  };
  const living = new Set(restored.jobs.map(({ event }) => event.number));
  for (const kept of jobs) {
    kept.adapter = pathOf(RUN_FILES.adapters, kept.job.name);
    kept.bestAdapter = pathOf(RUN_FILES.best, kept.job.name);
    const why = diverged.get(kept.job.name);
    if (why !== undefined && !living.has(kept.number)) {
      kept.isDiverged = true;
      kept.watch = { ...kept.watch, stop: { kind: "stop", rule: "not-finite", why } };
    }
    if (kept.standing === "running" || kept.standing === "leaving") judgeEnd(kept);
    kept.pipeline = undefined;
  }
  for (const { event, hold } of restored.jobs) {
    const kept = jobs[event.number]!;
    keepEvent(kept, event, event.request.arrivalNs);
    kept.adapter = undefined;
    kept.priority = event.request.priority;
    if (hold?.kind === "pause" && hold.by === undefined) kept.pausedBy.add("user");
  }
  tellLosses(jobs, keptLosses(found, restored));
  for (const kept of jobs) if (!living.has(kept.number)) forgetLosses(kept);
  return jobs;
}

/** What losses said of jobs. */
function tellLosses(jobs: readonly KeptJob[], { metrics, evaluations }: ResumableFleet["told"]): void {
  const byName = new Map(jobs.map((kept) => [kept.job.name, kept]));
  const all = [...metrics, ...evaluations].sort((a, b) => a.step - b.step);
  for (const row of all) {
    const kept = byName.get(row.job);
    if (kept === undefined) continue;
    if ("loss" in row) judgeStep(kept, row);
    else judgeEvaluation(kept, row);
    // What it said then was decided on.
    if (kept.watch.stop === null) kept.follows = [];
  }
}

/** What halving has said of jobs of sweeps, in order. */
function verdictsOf({ events }: Pick<ResumableFleet, "events">) {
  return events.flatMap((event) => {
    if (event.event !== "halving") return [];
    const { sweep, job, rung, verdict, loss = null, why } = event;
    return [{ sweep, job, rung, kind: verdict, loss, why }];
  });
}

/** What is known of sweeps: what was said of their jobs, and what these have lost in steps that are not made again. */
export function pastSweeps({ found, restored }: FleetThatGoesOn): PastSweeps {
  const { metrics, evaluations } = keptLosses(found, restored);
  return {
    verdicts: verdictsOf(found),
    losses: (name, by) =>
      by === "training"
        ? metrics.flatMap(({ job, step, loss }) => (job === name ? [{ iteration: step + 1, loss }] : []))
        : evaluations.flatMap(({ job, step, evaluationLoss: loss }) =>
            job === name ? [{ iteration: step + 1, loss }] : [],
          ),
  };
}

/** What was told of steps that are not made again. */
function keptLosses({ told }: ResumableFleet, { jobs }: RestoredFleet): ResumableFleet["told"] {
  const done = new Map(jobs.map(({ comer, event }) => [comer.job.name, event.done]));
  const isKept = ({ job, step }: { readonly job: string; readonly step: number }): boolean =>
    step < (done.get(job) ?? Number.POSITIVE_INFINITY);
  return {
    metrics: told.metrics.filter(isKept),
    evaluations: told.evaluations.filter(isKept),
    samples: told.samples.filter(isKept),
  };
}

/** What halving said last of each job, and says of it now: since it had not come to that before, or others are over. */
function lastVerdicts(
  halving: SweepHalving,
  found: ResumableFleet,
  over: readonly string[],
  journal: (event: JournalEvent) => void,
): ReadonlyMap<string, Said> {
  const said = new Map(verdictsOf(found).map(({ job, kind, why }): [string, Said] => [job, { kind, why }]));
  for (const verdict of [...halving.missed(), ...over.flatMap((job) => halving.gone(job))]) {
    journal(halvingLine(verdict));
    said.set(verdict.job, verdict);
  }
  return said;
}

/** A job that is there again, with where it goes on from and what is asked of it. */
export interface JobAgain extends Pick<RestoredJob, "event" | "comer">, InputAgain {
  readonly asked: readonly AskedEvent[];
}

/** Tells of all jobs whoever has to know of them; those that are not over. */
export function takeUp(
  { found, restored, jobs, inputs }: FleetThatGoesOn,
  checkpoints: Checkpoints,
  halving: SweepHalving,
  journal: (event: JournalEvent) => void,
): readonly JobAgain[] {
  const living = new Set(restored.jobs.map(({ event }) => event.number));
  const over = jobs.filter(({ number }) => !living.has(number));
  for (const { number, done } of over) {
    checkpoints.came(number, found.comers[number]!.job);
    checkpoints.over(number, done);
  }
  const names = over.map(({ job }) => job.name);
  const said = lastVerdicts(halving, found, names, journal);
  return restored.jobs.map(({ event, hold, comer, saved }) => {
    const kept = jobs[event.number]!;
    const { rows, input } = inputs.get(event.number)!;
    checkpoints.came(event.number, comer.job, { saved });
    return { event, comer, rows, input, asked: askedAgain(kept, hold, said.get(kept.job.name)) };
  });
}

/** What was decided before, the steps that are not made again, and what was answered after these. */
export function pastNotices({ found, restored }: FleetThatGoesOn): readonly LiveNotice[] {
  const { metrics: steps, samples } = keptLosses(found, restored);
  return [
    ...found.lines.map((line) => ({ kind: "line", line }) as const),
    ...steps.map((metrics) => ({ kind: "step", metrics }) as const),
    ...samples.map((line) => ({ kind: "sample", lines: [line] }) as const),
  ];
}
