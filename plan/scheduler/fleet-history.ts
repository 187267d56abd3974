import { InvariantError } from "../../core/index.ts";
import type { JobRequest, StoppedBy } from "./fleet-job.ts";
import type { Decision, FleetEvent, JournalLine } from "./journal.ts";
import { type FleetOutcome, FleetOutcomes } from "./outcomes.ts";

/**
 * What a job did for a while. `training` and `leaving` are on a pipeline; a job that is `preempted` waits with
 * iterations behind it, and nobody but who paused it starts one that is `paused`.
 */
export type SpanKind = "waiting" | "training" | "leaving" | "preempted" | "paused";

/** Why a job is on no pipeline that is there again. */
export const CUT_OFF = "the fleet was cut off";

/** A stretch of a job's time in which it did one thing. */
export interface JobSpan {
  readonly kind: SpanKind;
  readonly startNs: number;
  /** The last time that the journal knows of where the job was still at it. */
  readonly endNs: number;
  /** Of `training` and `leaving`. */
  readonly pipeline?: number;
  /** Of the decision that began it; empty for what no decision began, as an arrival. */
  readonly why: string;
  /** Iterations that it had behind it when it began, as far as the journal was told. */
  readonly done: number;
}

export type JobOutcome = "ended" | "stopped" | "refused" | "unfinished";

/** A job from its arrival on, as a journal has it. */
export interface JobHistory extends FleetOutcome {
  readonly number: number;
  /** As it is at the end of the journal. */
  readonly request: JobRequest;
  /** Without gaps from its arrival to its end. */
  readonly spans: readonly JobSpan[];
  readonly outcome: JobOutcome;
  /** Of a job that was stopped or refused: why. */
  readonly why: string;
  /** Who stopped it. */
  readonly stoppedBy: StoppedBy | undefined;
  /** The priority that it came with, and those that it was given later. */
  readonly firstPriority: number;
  readonly priorities: readonly { readonly atNs: number; readonly priority: number }[];
  /** When halving let it go on that had paused it, and why. */
  readonly letGoOn: readonly { readonly atNs: number; readonly why: string }[];
  /** When it was there again that the fleet was cut off with. */
  readonly cutOffNs: readonly number[];
}

export interface FleetHistory {
  /** In the order of arrival. */
  readonly jobs: readonly JobHistory[];
  /** One more than the last pipeline that a job was on. */
  readonly numPipelines: number;
  /** Of the first arrival, and of the last line. */
  readonly startNs: number;
  readonly endNs: number;
  readonly numLines: number;
}

type Told = Exclude<keyof JobHistory, Exclude<keyof FleetOutcome, "number">>;

type Growing = { -readonly [Key in Told]: JobHistory[Key] } & {
  readonly spans: JobSpan[];
  readonly priorities: { readonly atNs: number; readonly priority: number }[];
  readonly letGoOn: { readonly atNs: number; readonly why: string }[];
  readonly cutOffNs: number[];
  done: number;
  open: Omit<JobSpan, "endNs"> | undefined;
  isPaused: boolean;
};

function arrived({ number, request }: Pick<Extract<FleetEvent, { kind: "arrived" }>, "number" | "request">): Growing {
  return {
    number,
    request,
    spans: [],
    outcome: "unfinished",
    why: "",
    stoppedBy: undefined,
    firstPriority: request.priority,
    priorities: [],
    letGoOn: [],
    cutOffNs: [],
    done: 0,
    open: { kind: "waiting", startNs: request.arrivalNs, why: "", done: 0 },
    isPaused: false,
  };
}

/** Ends what the job does; what took no time is left out. */
function close(job: Growing, atNs: number): void {
  const { open } = job;
  job.open = undefined;
  if (open !== undefined && atNs > open.startNs) job.spans.push({ ...open, endNs: atNs });
}

function begin(job: Growing, kind: SpanKind, atNs: number, why: string, pipeline?: number): void {
  close(job, atNs);
  job.open = { kind, startNs: atNs, why, done: job.done, ...(pipeline === undefined ? {} : { pipeline }) };
}

/** What a job does while it is on no pipeline. */
function standStill(job: Growing, atNs: number, why: string): void {
  begin(job, job.isPaused ? "paused" : job.done > 0 ? "preempted" : "waiting", atNs, why);
}

function take(jobs: Map<number, Growing>, atNs: number, event: FleetEvent): void {
  if (event.kind === "arrived" || (event.kind === "restored" && !jobs.has(event.number)))
    jobs.set(event.number, arrived(event));
  const job = jobOf(jobs, event.number);
  switch (event.kind) {
    case "arrived":
      return;
    case "restored":
      Object.assign(job, { done: event.done, isPaused: false, outcome: "unfinished", why: "", stoppedBy: undefined });
      // Nearer by the time in which the fleet stood still.
      job.request = { ...job.request, deadlineNs: event.request.deadlineNs };
      job.cutOffNs.push(atNs);
      standStill(job, atNs, CUT_OFF);
      return;
    case "progress":
      job.done = event.done;
      return;
    case "ended":
      close(job, atNs);
      job.outcome = "ended";
      return;
    case "stop":
      job.stoppedBy = event.by;
      return;
    case "pause":
    case "unpause":
      job.isPaused = event.kind === "pause";
      if (!job.isPaused && event.why !== undefined) job.letGoOn.push({ atNs, why: event.why });
      if (job.open !== undefined && job.open.pipeline === undefined)
        standStill(job, atNs, event.why ?? (job.isPaused ? "paused" : "let go on"));
      return;
    case "priority":
      job.request = { ...job.request, priority: event.priority };
      job.priorities.push({ atNs, priority: event.priority });
      return;
    case "predicted":
    case "measured":
      return;
  }
}

function follow(job: Growing, atNs: number, { kind, why, pipeline }: Decision): void {
  switch (kind) {
    case "start":
    case "resume":
      begin(job, "training", atNs, why, pipeline);
      return;
    case "leave":
      begin(job, "leaving", atNs, why, pipeline);
      return;
    case "stay":
      begin(job, "training", atNs, why, pipeline);
      return;
    case "preempt":
      standStill(job, atNs, why);
      return;
    case "stop":
      close(job, atNs);
      job.outcome = "stopped";
      job.why = why;
      return;
    case "refuse":
      close(job, atNs);
      job.outcome = "refused";
      job.why = why;
      return;
  }
}

function jobOf(jobs: ReadonlyMap<number, Growing>, number: number): Growing {
  const job = jobs.get(number);
  if (job === undefined) throw new InvariantError({ expected: "a job that has arrived", got: number });
  return job;
}

/** The story of a fleet as the lines of its journal come. */
export class FleetChronicle {
  readonly #jobs = new Map<number, Growing>();
  readonly #outcomes = new FleetOutcomes();
  readonly #mostOver: number;
  readonly #mostSpans: number;
  /** Numbers of jobs that are over, in the order in which they ended. */
  #over: number[] = [];
  #endNs = 0;
  #numLines = 0;
  #numPipelines = 0;

  /** `mostOver`, `mostSpans`: jobs that are over, and of each job spans, that are remembered, the latest. */
  constructor({
    mostOver = Number.POSITIVE_INFINITY,
    mostSpans = Number.POSITIVE_INFINITY,
  }: { readonly mostOver?: number; readonly mostSpans?: number } = {}) {
    this.#mostOver = mostOver;
    this.#mostSpans = mostSpans;
  }

  /** @throws InvariantError for events of a job that has not arrived */
  add(line: JournalLine): void {
    const { atNs, events, decisions } = line;
    this.#endNs = atNs;
    this.#numLines += 1;
    for (const event of events) {
      take(this.#jobs, atNs, event);
      if (event.kind === "ended") this.#over.push(event.number);
      else if (event.kind === "restored") this.#over = this.#over.filter((number) => number !== event.number);
    }
    for (const decision of decisions) {
      const job = jobOf(this.#jobs, decision.number);
      follow(job, atNs, decision);
      if (job.spans.length > this.#mostSpans) job.spans.shift();
      this.#numPipelines = Math.max(this.#numPipelines, (decision.pipeline ?? -1) + 1);
      if (decision.kind === "stop" || decision.kind === "refuse") this.#over.push(decision.number);
    }
    this.#outcomes.add(line);
    while (this.#over.length > this.#mostOver) {
      const number = this.#over.shift()!;
      this.#jobs.delete(number);
      this.#outcomes.forget(number);
    }
  }

  /** How many jobs it remembers. */
  get numJobs(): number {
    return this.#jobs.size;
  }

  /** At most so many: first of those that are not over, then the latest. */
  #chosen(most: number): readonly Growing[] {
    const all = [...this.#jobs.values()].sort((a, b) => a.number - b.number);
    if (all.length <= most) return all;
    const open = all.filter(({ outcome }) => outcome === "unfinished").slice(0, most);
    const over = all.filter(({ outcome }) => outcome !== "unfinished");
    const chosen = [...open, ...over.slice(Math.max(0, over.length - (most - open.length)))];
    return chosen.sort((a, b) => a.number - b.number);
  }

  /**
   * `atNs`: what goes on is shown up to that time, or to that of the last line. `most`: of at most so many jobs, first of
   * those that are not over, then of the latest.
   */
  history(atNs = this.#endNs, most = Number.POSITIVE_INFINITY): FleetHistory {
    const endNs = Math.max(this.#endNs, atNs);
    const jobs = this.#chosen(most).map((job): JobHistory => {
      const { open, isPaused: _isPaused, done: _done, spans, ...history } = job;
      const last = open !== undefined && endNs > open.startNs ? [{ ...open, endNs }] : [];
      return { ...this.#outcomes.of(job.number), ...history, spans: [...spans, ...last] };
    });
    return {
      jobs,
      numPipelines: this.#numPipelines,
      startNs: jobs.reduce((least, { request }) => Math.min(least, request.arrivalNs), endNs),
      endNs,
      numLines: this.#numLines,
    };
  }
}

/** What became of every job of a journal. @throws InvariantError for events of a job that has not arrived */
export function fleetHistory(lines: Iterable<JournalLine>): FleetHistory {
  const chronicle = new FleetChronicle();
  for (const line of lines) chronicle.add(line);
  return chronicle.history();
}
