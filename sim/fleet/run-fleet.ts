import { PlanError } from "../../core/index.ts";
import {
  type FleetEvent,
  type FleetOutcome,
  FleetOutcomes,
  type JobRequest,
  type JournalLine,
  type Scheduler,
} from "../../plan/index.ts";
import type { FleetTimes } from "./fleet-times.ts";
import { PipelineClock } from "./pipeline-clock.ts";

/** A job of a simulated fleet, with what nobody knows before it happens. */
export interface SimulatedJob {
  readonly request: JobRequest;
  /** Iterations after which it ends, by itself or since it is stopped; at most those that it asks for. */
  readonly iterations: number;
  /** After how many iterations it is predicted to end when it comes; those that it asks for when absent. */
  readonly predicted?: number;
  /** And once it has trained so many. */
  readonly predictions?: readonly { readonly done: number; readonly predicted: number }[];
  /** Bytes that it is seen to take of each device of its pipeline once it has trained so many. */
  readonly measurements?: readonly { readonly done: number; readonly bytes: readonly number[] }[];
}

export interface FleetResult {
  readonly outcomes: readonly FleetOutcome[];
  readonly makespanNs: number;
  readonly numTriggers: number;
}

interface Fate {
  readonly job: SimulatedJob;
  isOver: boolean;
  nextPrediction: number;
  nextMeasurement: number;
}

/** Whether it will be measured at the end of an iteration. */
function isWatched({ job: { measurements = [] }, nextMeasurement }: Fate): boolean {
  return nextMeasurement < measurements.length;
}

/** Why a simulated job is stopped, whose losses nobody has. */
export const HOPELESS = "its loss betters no more";

/** Jobs in the order in which they come; their numbers are their places. */
function byArrival(jobs: readonly SimulatedJob[]): readonly SimulatedJob[] {
  return [...jobs].sort((a, b) => a.request.arrivalNs - b.request.arrivalNs);
}

/**
 * Jobs over time, iteration by iteration: how long one takes follows from who trains on its pipeline, and who trains
 * from the scheduler, which is asked at the ends of iterations and of jobs, and at arrivals while a pipeline is idle.
 * What happens at the same time is one trigger.
 */
export class FleetRun {
  readonly #scheduler: Scheduler;
  readonly #fates: readonly Fate[];
  readonly #clocks: readonly PipelineClock[];
  readonly #outcomes = new FleetOutcomes();
  readonly #onLine: (line: JournalLine) => void;
  #nextArrival = 0;
  #numTriggers = 0;
  #nowNs = -1;
  /** Whether something has come that waits for a trigger. */
  #pending: FleetEvent[] = [];

  constructor(
    jobs: readonly SimulatedJob[],
    scheduler: Scheduler,
    {
      numPipelines,
      times,
      isAhead = false,
      onLine = () => {},
    }: {
      readonly numPipelines: number;
      readonly times: FleetTimes;
      /** Whether a job's next iteration has begun when one ends, as where work is queued ahead. */
      readonly isAhead?: boolean;
      readonly onLine?: (line: JournalLine) => void;
    },
  ) {
    this.#scheduler = scheduler;
    this.#fates = byArrival(jobs).map((job) => ({
      job,
      isOver: false,
      nextPrediction: 0,
      nextMeasurement: 0,
    }));
    this.#clocks = Array.from({ length: numPipelines }, (_, pipeline) => new PipelineClock(pipeline, times, isAhead));
    this.#onLine = onLine;
  }

  /** To the end of the last job. @throws PlanError where jobs are left that the policy does not train */
  run(): FleetResult {
    for (;;) {
      const atNs = this.#nextNs();
      if (atNs === Number.POSITIVE_INFINITY) break;
      this.#step(atNs);
    }
    const left = this.#fates.find(({ isOver }) => !isOver);
    if (left !== undefined)
      throw new PlanError({
        expected: "a policy that trains every job, or refuses it",
        got: `${left.job.request.name} at the end`,
      });
    const outcomes = this.#outcomes.all();
    return {
      outcomes,
      makespanNs: outcomes.reduce((most, { endNs = 0 }) => Math.max(most, endNs), 0),
      numTriggers: this.#numTriggers,
    };
  }

  #nextNs(): number {
    const arrivalNs = this.#fates[this.#nextArrival]?.job.request.arrivalNs ?? Number.POSITIVE_INFINITY;
    // Without anything to decide only ends, and iterations after which somebody leaves, are of interest.
    const all = this.#scheduler.watches === "iterations" || this.#pending.length > 0;
    return this.#clocks.reduce((least, clock) => Math.min(least, clock.nextNs(this.#nowNs, all)), arrivalNs);
  }

  #step(atNs: number): void {
    this.#nowNs = atNs;
    for (;;) {
      const fate = this.#fates[this.#nextArrival];
      if (fate === undefined || fate.job.request.arrivalNs > atNs) break;
      const { request, predicted = request.iterations } = fate.job;
      this.#pending.push({ kind: "arrived", number: this.#nextArrival, request, predicted });
      this.#nextArrival += 1;
    }
    const isSomeIdle = this.#pending.length > 0 && this.#clocks.some(({ isIdle }) => isIdle);
    if (!isSomeIdle && !this.#clocks.some((clock) => clock.hasEndAt(atNs))) return;
    const events: FleetEvent[] = [];
    for (const clock of this.#clocks)
      for (const { number, done, justEnded, between } of clock.progressAt(atNs)) {
        if (justEnded || this.#scheduler.watches !== "changes")
          events.push({ kind: "progress", number, done, between });
        if (justEnded) this.#follows(number, done, events, clock);
      }
    events.push(...this.#pending);
    this.#pending = [];
    const line = this.#scheduler.trigger(atNs, events);
    this.#numTriggers += 1;
    for (const { kind, number, pipeline } of line.decisions) {
      const fate = this.#fates[number]!;
      switch (kind) {
        case "start":
        case "resume":
          this.#clocks[pipeline!]!.add(number, fate.job.iterations, isWatched(fate));
          break;
        case "preempt":
          this.#clocks[pipeline!]!.remove(number);
          break;
        case "stop":
          fate.isOver = true;
          // One that waits, or is paused, is on no pipeline.
          if (pipeline !== undefined) this.#clocks[pipeline]!.remove(number);
          break;
        case "leave":
        case "stay":
          this.#clocks[pipeline!]!.setLeaving(number, kind === "leave");
          break;
        case "refuse":
          fate.isOver = true;
          break;
      }
    }
    for (const clock of this.#clocks) clock.settle(atNs, (number) => this.#scheduler.job(number));
    this.#outcomes.add(line);
    this.#onLine(line);
  }

  /** What follows from an iteration that has ended. */
  #follows(number: number, done: number, events: FleetEvent[], clock: PipelineClock): void {
    const fate = this.#fates[number]!;
    const { iterations, request, predictions = [] } = fate.job;
    this.#measure(number, done, events, clock);
    if (done === request.iterations) {
      events.push({ kind: "ended", number });
      fate.isOver = true;
      clock.remove(number);
      return;
    }
    if (done === iterations)
      events.push({ kind: "stop", number, by: "early-stopping", why: "its loss betters no more" });
    for (;;) {
      const next = predictions[fate.nextPrediction];
      if (next === undefined || next.done > done) return;
      events.push({ kind: "predicted", number, predicted: next.predicted });
      fate.nextPrediction += 1;
    }
  }

  #measure(number: number, done: number, events: FleetEvent[], clock: PipelineClock): void {
    const fate = this.#fates[number]!;
    for (; isWatched(fate); fate.nextMeasurement += 1) {
      const next = fate.job.measurements![fate.nextMeasurement]!;
      if (next.done > done) return;
      events.push({ kind: "measured", number, bytes: next.bytes });
    }
    clock.setWatched(number, false);
  }
}
