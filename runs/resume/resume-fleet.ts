import { existsSync, linkSync, readdirSync, rmSync, statSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { absolute, linesOfFile, type Place, readInput, writeWholeFolder } from "../../files/index.ts";
import {
  type AskedEvent,
  type Checkpoint,
  type CheckpointJob,
  cutOff,
  type FileLines,
  type FleetComer,
  type FleetEvent,
  type JournalLine,
  jobDigest,
  journalLines,
  type KnownJob,
  type PastSweeps,
  parseComers,
  parseSetting,
  type Resources,
  type Setting,
} from "../../plan/index.ts";
import { checkSavedJob, checkSteps, type ReadCheckpoint } from "../checkpoints/check-saved-job.ts";
import { type FoundCheckpoint, findCheckpoint, putAside } from "../checkpoints/find-checkpoint.ts";
import { weightsByJournal } from "../checkpoints/known-weights.ts";
import { FLEET_FILES } from "../folder/fleet-folder.ts";
import type { JournalLine as RunEvent } from "../folder/journal.ts";
import { journalEvents, stoppedByJournal } from "../folder/load-run.ts";
import { type ReadMetrics, readMetrics } from "../folder/metrics-lines.ts";
import { RUN_FILES } from "../folder/run-folder.ts";
import { checkStopped, keepMetrics } from "./resume-run.ts";

/** The reason with which jobs end that end since their fleet does: a fleet that goes on has them again. */
export const FLEET_ENDS = "the fleet was asked to end";

const FOLDER = `a folder of jobs over time with ${FLEET_FILES.setting}`;

/** The folder of jobs over time whose fleet was cut off, or was asked to end, and where it can go on. */
export interface ResumableFleet {
  /** Absolute. */
  readonly folder: string;
  /** In the order of arrival. */
  readonly comers: readonly FleetComer[];
  /** What was decided. */
  readonly lines: readonly JournalLine[];
  readonly found: FoundCheckpoint;
  /** What was told of steps and evaluations, those that are made again included. */
  readonly told: ReadMetrics;
  /** What the fleet's clock goes on from: it stands still while nobody carries the fleet out. */
  readonly clockNs: number;
  /** How long it has stood still; by so much deadlines are nearer than that clock shows. */
  readonly downNs: number;
  /** What halving has said of jobs of sweeps, in order. */
  readonly verdicts: readonly (PastSweeps["verdicts"][number] & { readonly why: string })[];
  /** What people have asked for of jobs, in order; it may not have been decided on. */
  readonly asks: readonly AskedEvent[];
  /** The name of the policy that decided last; undefined where it was not written down. */
  readonly policy: string | undefined;
  /** The model that its jobs were trained on. */
  readonly model: Setting["model"];
  /** The digest of the weights that they were trained on last; undefined where the journal does not tell. */
  readonly weights: string | undefined;
  /** Jobs of which a step was not finite, by name, with the reason that was told. */
  readonly diverged: ReadonlyMap<string, string>;
  /** Jobs whose adapters were written for good, by name. */
  readonly written: ReadonlySet<string>;
}

/** A job of it that is not over. */
export interface RestoredJob {
  readonly event: Extract<FleetEvent, { kind: "restored" }>;
  /** Whoever has paused it, or had asked for its end. */
  readonly hold: KnownJob["hold"];
  readonly comer: FleetComer;
  /** As the checkpoint has it; undefined where it begins anew. */
  readonly saved: CheckpointJob | undefined;
}

/** Refuses a checkpoint of another fleet than that of these jobs. @throws InputError */
export function checkOwned(
  checkpoint: Checkpoint,
  model: Pick<Setting["model"], "digest">,
  jobs: ReadonlyMap<string, FleetComer["job"]>,
  manifest: ReadCheckpoint,
): void {
  const { file } = manifest;
  if (checkpoint.modelDigest !== model.digest)
    throw new InputError({ expected: "a checkpoint of this fleet", file, at: "modelDigest", got: "another model's" });
  checkSteps(checkpoint, manifest, false);
  for (const saved of checkpoint.jobs) {
    const job = jobs.get(saved.name);
    if (job === undefined)
      throw new InputError({ expected: "a checkpoint of this fleet", file, at: "jobs", got: saved.name });
    checkSavedJob(saved, job, manifest);
  }
}

/** @throws InputError for a folder that is no fleet's, or of a fleet that goes on or has got to its end */
export function findResumableFleet(place: Place, given: string): ResumableFleet {
  const folder = absolute(place, given);
  const read = <T>(name: string, parse: (lines: FileLines, file: string) => T): T => {
    const file = path.join(folder, name);
    return parse(linesOfFile(file), file);
  };
  const written = readInput(place, path.join(given, FLEET_FILES.setting), FOLDER);
  const { model } = parseSetting(written.text, written.file);
  const { lines, others } = read(FLEET_FILES.journal, journalLines);
  const events = journalEvents(others);
  checkStopped(events, given);
  const comers = read(FLEET_FILES.jobs, parseComers);
  const byName = new Map(comers.map(({ job }) => [job.name, job]));
  const found = findCheckpoint(folder, (checkpoint, manifest) => checkOwned(checkpoint, model, byName, manifest));
  const started = events.findLast(({ event }) => event === "started");
  const policy = started?.event === "started" ? started.policy : undefined;
  return {
    ...{ folder, comers, lines, found, policy, model },
    told: read(FLEET_FILES.metrics, readMetrics),
    ...clockOf(lines, events),
    written: writtenJobs(events),
    weights: weightsByJournal(events),
    diverged: stoppedByJournal(events),
    asks: events.flatMap((event) => (event.event === "asked" ? [event.ask] : [])),
    verdicts: events.flatMap((event) => {
      if (event.event !== "halving") return [];
      const { sweep, job, rung, verdict, loss = null, why } = event;
      return [{ sweep, job, rung, kind: verdict, loss, why }];
    }),
  };
}

/** What the clock of a fleet showed last, as far as that is known, and how long ago that was. */
function clockOf(
  lines: readonly JournalLine[],
  events: readonly RunEvent[],
): Pick<ResumableFleet, "clockNs" | "downNs"> {
  const saved = events.findLast((event) => event.event === "checkpoint");
  const clockNs = Math.max(lines.at(-1)?.atNs ?? 0, (saved?.event === "checkpoint" ? saved.atNs : undefined) ?? 0);
  const ready = events.findLast((event) => event.event === "ready");
  if (ready?.event !== "ready") return { clockNs, downNs: 0 };
  const sinceMs = Date.now() - Date.parse(ready.time) - (clockNs - (ready.atNs ?? 0)) / 1e6;
  // A clock of the day may have been set back.
  return { clockNs, downNs: Math.max(0, Math.round(1e6 * sinceMs)) };
}

/** Jobs that were over with all that there is of them written, and did not come again since. */
function writtenJobs(events: readonly RunEvent[]): ReadonlySet<string> {
  const written = new Set<string>();
  for (const event of events) {
    if (event.event === "job ended") written.add(event.job);
    else if (event.event === "resumed") for (const name of Object.keys(event.steps)) written.delete(name);
  }
  return written;
}

/** What a fleet goes on with. */
export interface RestoredFleet {
  readonly scheduler: ReturnType<typeof cutOff>["state"];
  readonly jobs: readonly RestoredJob[];
  /** Jobs that had come, and that nobody had been told of. */
  readonly unseen: readonly FleetComer[];
}

/** Whether a job was to end since its fleet was: it is there again when that is. */
const endsWithFleet = (hold: KnownJob["hold"]): boolean => hold?.kind === "stop" && hold.why === FLEET_ENDS;

/** A job as its scheduler knew it, with what was asked for of it and had not come to be decided on. */
function withAsks(job: KnownJob, asks: readonly AskedEvent[]): Pick<KnownJob, "hold" | "request"> {
  let { hold, request } = job;
  if (endsWithFleet(hold)) hold = undefined;
  for (const ask of asks) {
    if (ask.number !== job.number || hold?.kind === "stop") continue;
    if (ask.kind === "priority") request = { ...request, priority: ask.priority };
    else if (ask.kind !== "unpause") hold = ask;
    else if (hold?.kind === "pause" && hold.by === undefined) hold = undefined;
  }
  return { hold, request };
}

/** @throws InputError where a workload has one of the jobs otherwise than it came */
export function restoredFleet(
  { comers, lines, found, downNs, written, asks }: ResumableFleet,
  resources: Resources,
): RestoredFleet {
  const { jobs, state } = cutOff(lines, resources);
  if (comers.length < jobs.length)
    throw new InputError({
      expected: `${FLEET_FILES.jobs} with ${jobs.length} jobs`,
      at: "--resume",
      got: comers.length,
      hint: "A disk that was full has not taken the others: their jobs can only come to a new fleet.",
    });
  const isOver = ({ hold, isOver: over, hasBegun, request: { name } }: KnownJob): boolean => {
    if (endsWithFleet(hold)) return false;
    return over && (!hasBegun || written.has(name));
  };
  const restored = jobs.flatMap((job): RestoredJob[] => {
    if (isOver(job)) return [];
    const { number, predicted } = job;
    const { hold, request } = withAsks(job, asks);
    const comer = comers[number]!;
    const saved = found.checkpoint?.jobs.find(({ name }) => name === comer.job.name);
    const deadlineNs = request.deadlineNs === null ? null : request.deadlineNs - downNs;
    const done = saved?.step ?? 0;
    const event = { kind: "restored", number, request: { ...request, deadlineNs }, predicted, done } as const;
    return [{ event, hold, comer, saved }];
  });
  return { scheduler: state, jobs: restored, unseen: comers.slice(jobs.length) };
}

/**
 * A setting to go on in, which knows the bytes of its model's weights where the fleet knew them. @throws InputError where
 * jobs were trained on another model, and where the weights were to be compared, on other weights
 */
export function settingToGoOnIn({ model: before }: ResumableFleet, setting: Setting): Setting {
  const { model } = setting;
  const { weightsDigest = model.weightsDigest } = before;
  if (model.digest !== before.digest)
    throw new InputError({ expected: "the model that the fleet trains on", at: "model.path", got: "another one" });
  if (model.weightsDigest !== undefined && model.weightsDigest !== weightsDigest)
    throw new InputError({ expected: "the weights that the fleet trains on", at: "model.path", got: "other weights" });
  return weightsDigest === undefined ? setting : { ...setting, model: { ...model, weightsDigest } };
}

/** @throws InputError where a job is not as it came */
export function checkComer(comer: FleetComer, job: FleetComer["job"]): void {
  if (jobDigest(comer.job) === jobDigest(job)) return;
  throw new InputError({
    expected: `job ${job.name} as it came: data, seed, adapter, optimizer and steps`,
    at: "--resume",
    got: "another one",
  });
}

/**
 * Makes the folder ready to go on: what its devices reported is put into `earlier`, and the lines of steps that are made
 * again are taken out. A process that is killed meanwhile leaves a folder that can be resumed.
 */
export function beginFleetAgain(
  { folder, found, comers }: ResumableFleet,
  { jobs, unseen }: Pick<RestoredFleet, "jobs" | "unseen">,
): void {
  const at = (name: string): string => path.join(folder, name);
  const within = at(FLEET_FILES.earlier);
  const parts = existsSync(within) ? readdirSync(within).filter((name) => /^\d+$/.test(name)) : [];
  const [segments, completions] = [FLEET_FILES.segments, FLEET_FILES.completions];
  if (existsSync(at(segments)) && statSync(at(segments)).size > 0)
    writeWholeFolder(path.join(within, String(parts.length + 1)), (unfinished) => {
      for (const name of [FLEET_FILES.setting, segments, completions])
        if (existsSync(at(name))) linkSync(at(name), path.join(unfinished, name));
    });
  const made = new Map(comers.map(({ job }) => [job.name, Number.POSITIVE_INFINITY]));
  for (const { comer, event } of jobs) made.set(comer.job.name, event.done);
  // They come once more, whatever was told of them that the journal does not know.
  for (const { job } of unseen) made.set(job.name, 0);
  keepMetrics(at(FLEET_FILES.metrics), made);
  // A notice was of the process that is no more.
  for (const name of [segments, completions, RUN_FILES.notice]) rmSync(at(name), { force: true });
  putAside(folder, found);
}
