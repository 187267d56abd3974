import { InvariantError } from "../../core/index.ts";
import type { FleetJob, JobRequest } from "./fleet-job.ts";
import type { AskedEvent, FleetEvent, JournalLine } from "./journal.ts";
import type { Resources } from "./resources.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** A job of a fleet whose scheduler is no more. */
export interface KnownJob {
  readonly number: number;
  /** With the priority that it was given last. */
  readonly request: JobRequest;
  readonly predicted: number;
  /** What somebody asked for that holds it: a pause, or an end. */
  readonly hold: AskedEvent | undefined;
  /** Whether its scheduler had nothing more to decide of it. */
  readonly isOver: boolean;
  /** Whether it was ever sent to a pipeline. */
  readonly hasBegun: boolean;
}

export interface CutOff {
  /** Of all that had arrived, by number. */
  readonly jobs: readonly KnownJob[];
  /** What a scheduler goes on from that is told of those jobs anew (`restored`). */
  readonly state: Omit<SchedulerState, "policy" | "memory">;
}

type Growing = { -readonly [K in keyof KnownJob]: KnownJob[K] } & { done: number; pipeline: number | undefined };

function arrived({ number, request, predicted }: Extract<FleetEvent, { kind: "arrived" }>): Growing {
  const nothing = { hold: undefined, isOver: false, hasBegun: false, done: 0, pipeline: undefined };
  return { number, request, predicted, ...nothing };
}

/** Whether a fleet went on after it was cut off. */
export function wasCutOff(lines: readonly JournalLine[]): boolean {
  return lines.some(({ events }) => events.some(({ kind }) => kind === "restored"));
}

/** Whether there is a pipeline like that on which a job was measured: a fleet may go on on other machines. */
function hasPipeline({ numPipelines, learning }: Resources, job: FleetJob, bytes: readonly number[]): boolean {
  const { pipeline = numPipelines } = job;
  return pipeline < numPipelines && learning?.expected(pipeline, job).length === bytes.length;
}

/** What the journal of a fleet tells a scheduler that goes on where another one was cut off. */
export function cutOff(lines: readonly JournalLine[], resources: Resources): CutOff {
  const jobs: Growing[] = [];
  const served: Record<string, number> = {};
  let known = resources;
  let changes = 0;
  const take = (event: FleetEvent): void => {
    if (event.kind !== "progress") changes += 1;
    if (event.kind === "arrived") jobs[event.number] = arrived(event);
    const job = jobs[event.number];
    if (job === undefined) throw new InvariantError({ expected: "a job that has arrived", got: event.number });
    switch (event.kind) {
      case "arrived":
        return;
      case "restored": {
        const { request, predicted, done } = event;
        Object.assign(job, { request, predicted, done, hold: undefined, isOver: false, pipeline: undefined });
        return;
      }
      case "progress": {
        const { user, tokens } = job.request;
        served[user] = (served[user] ?? 0) + (event.done - job.done) * tokens;
        job.done = event.done;
        return;
      }
      case "ended":
        // Whoever had asked for its end was too late.
        Object.assign(job, { isOver: true, hold: undefined });
        return;
      case "stop":
        job.hold = event;
        return;
      case "pause":
        if (job.hold?.kind !== "stop") job.hold = event;
        return;
      case "unpause":
        if (job.hold?.kind !== "stop") job.hold = undefined;
        return;
      case "priority":
        job.request = { ...job.request, priority: event.priority };
        return;
      case "predicted":
        job.predicted = event.predicted;
        return;
      case "measured": {
        const { request, number, predicted, done, pipeline } = job;
        const seen = { ...request, number, predicted, done, pipeline, standing: "running", hold: undefined } as const;
        if (hasPipeline(known, seen, event.bytes)) known = known.learning?.learn(seen, event.bytes) ?? known;
        return;
      }
    }
  };
  for (const { events, decisions } of lines) {
    for (const event of events) take(event);
    for (const { kind, number, pipeline } of decisions) {
      const job = jobs[number]!;
      if (kind === "start" || kind === "resume") Object.assign(job, { hasBegun: true, pipeline });
      else if (kind === "stop" || kind === "refuse") job.isOver = true;
    }
  }
  const fits = known.learning?.fits;
  const last = lines.at(-1);
  return {
    jobs: jobs.map(({ done: _done, pipeline: _pipeline, ...job }) => job),
    state: {
      ...(fits === undefined ? {} : { fits }),
      nowNs: last?.atNs ?? 0,
      line: last?.line ?? 0,
      changes,
      jobs: [],
      held: [],
      between: [],
      grown: [],
      served,
    },
  };
}
