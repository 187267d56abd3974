import { statSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { absolute, linesOfFile, type Place } from "../../files/index.ts";
import {
  type AskedEvent,
  type CheckpointJob,
  cutOff,
  type FleetComer,
  type FleetEvent,
  type Job,
  type JobBudgets,
  type KnownJob,
  type Resources,
  type Setting,
} from "../../plan/index.ts";
import { checkOwned } from "../checkpoints/check-saved-job.ts";
import type { CheckOwner } from "../checkpoints/find-checkpoint.ts";
import { type ReadMetrics, readMetrics } from "../folder/metrics-lines.ts";
import { readComers, readSettingOfRun } from "../folder/read-run.ts";
import { RUN_FILES } from "../folder/run-files.ts";
import { readSamples, type SampleLine } from "../folder/sample-lines.ts";
import { beginAgain, findStopped, nextPart, type StoppedRun } from "./stopped-run.ts";

/** The reason with which jobs end that end since their fleet does: a fleet that goes on has them again. */
export const FLEET_ENDS = "the fleet was asked to end";

/** Jobs over time whose fleet was cut off, or was asked to end. */
export interface ResumableFleet extends StoppedRun {
  readonly kind: "fleet";
  /** In the order of arrival. */
  readonly comers: readonly FleetComer[];
  /** What was told of steps and evaluations, those that are made again included. */
  readonly told: ReadMetrics & { readonly samples: readonly SampleLine[] };
  /** What the fleet's clock goes on from: it stands still while nobody carries the fleet out. */
  readonly clockNs: number;
  /** How long it has stood still; by so much deadlines are nearer than that clock shows. */
  readonly downNs: number;
  /** The name of the policy that decided last; undefined where it was not written down. */
  readonly policy: string | undefined;
  /** The model that its jobs were trained on. */
  readonly model: Setting["model"];
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
export function fleetOwner({ model }: Pick<Setting, "model">, comers: readonly FleetComer[]): CheckOwner {
  const jobs = new Map(comers.map(({ job }) => [job.name, job]));
  return (checkpoint, read) => checkOwned(checkpoint, read, { model, jobs });
}

/** @throws InputError for a folder that is no fleet's, or of a fleet that goes on or has got to its end */
export function findResumableFleet(place: Place, given: string): ResumableFleet {
  const folder = absolute(place, given);
  const setting = readSettingOfRun(place, given);
  const comers = readComers(folder);
  const [metricsFile, samplesFile] = [RUN_FILES.metrics, RUN_FILES.samples].map((name) => path.join(folder, name)) as [
    string,
    string,
  ];
  const stopped = findStopped(folder, given, fleetOwner(setting, comers));
  const started = stopped.events.findLast(({ event }) => event === "started");
  return {
    ...{ ...stopped, kind: "fleet", comers, model: setting.model },
    policy: started?.event === "started" ? started.policy : undefined,
    told: {
      ...readMetrics(linesOfFile(metricsFile), metricsFile),
      samples: readSamples(linesOfFile(samplesFile), samplesFile),
    },
    ...clockOf(stopped),
  };
}

/** What the clock of a fleet showed last, as far as that is known, and how long ago that was. */
function clockOf({ lines, events }: StoppedRun): Pick<ResumableFleet, "clockNs" | "downNs"> {
  const saved = events.findLast(({ event }) => event === "checkpoint");
  const clockNs = Math.max(lines.at(-1)?.atNs ?? 0, (saved?.event === "checkpoint" ? saved.atNs : undefined) ?? 0);
  const ready = events.findLast(({ event }) => event === "ready");
  if (ready?.event !== "ready") return { clockNs, downNs: 0 };
  const sinceMs = Date.now() - Date.parse(ready.time) - (clockNs - (ready.atNs ?? 0)) / 1e6;
  // A clock of the day may have been set back.
  return { clockNs, downNs: Math.max(0, Math.round(1e6 * sinceMs)) };
}

/** Jobs that were over with all that there is of them written, and did not come again since. */
export function writtenJobs({ events }: Pick<StoppedRun, "events">): ReadonlySet<string> {
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

/** `allowedTo`: budgets of a job as they are from now on. @throws InputError where a workload has one of the jobs otherwise than it came */
export function restoredFleet(
  fleet: ResumableFleet,
  resources: Resources,
  allowedTo: (job: Job) => JobBudgets = () => ({}),
): RestoredFleet {
  const { comers, lines, found, downNs, events } = fleet;
  const written = writtenJobs(fleet);
  const asks = events.flatMap((event) => (event.event === "asked" ? [event.ask] : []));
  const { jobs, state } = cutOff(lines, resources);
  if (comers.length < jobs.length)
    throw new InputError({
      expected: `${RUN_FILES.jobs} with ${jobs.length} jobs`,
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
    const { hold, request: before } = withAsks(job, asks);
    const comer = comers[number]!;
    const { maxCost: _own, userMaxCost: _users, ...others } = before;
    const request = comer.given === undefined ? before : { ...others, ...allowedTo(comer.given) };
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

/** Makes the folder ready to go on. */
export function beginFleetAgain(fleet: ResumableFleet, { jobs, unseen }: Pick<RestoredFleet, "jobs" | "unseen">): void {
  const { folder, comers } = fleet;
  const segments = statSync(path.join(folder, RUN_FILES.segments), { throwIfNoEntry: false });
  const done = new Map(comers.map(({ job }) => [job.name, Number.POSITIVE_INFINITY]));
  for (const { comer, event } of jobs) done.set(comer.job.name, event.done);
  // They come once more, whatever was told of them that the journal does not know.
  for (const { job } of unseen) done.set(job.name, 0);
  beginAgain(fleet, { part: (segments?.size ?? 0) > 0 ? nextPart(folder) : undefined, done });
}
