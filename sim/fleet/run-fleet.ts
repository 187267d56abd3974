import { PlanError } from "../../core/index.ts";
import {
  type FleetEvent,
  type FleetJob,
  type FleetOutcome,
  FleetOutcomes,
  type FleetPaging,
  hasBudget,
  isUnmeasured,
  type JobRequest,
  type JournalLine,
  measurementOf,
  type Scheduler,
  type Spent,
} from "../../plan/index.ts";
import { asPredicted, type FleetCut, type FleetState, type SimulatedJob, type Truth } from "./fleet-state.ts";
import type { FleetTimes } from "./fleet-times.ts";
import { PipelineClock } from "./pipeline-clock.ts";
import { SpentByIterations } from "./spent-by-iterations.ts";

/** When jobs have ended, by number; of those that have. */
export function endsOf({ outcomes }: Pick<FleetResult, "outcomes">): ReadonlyMap<number, number> {
  return new Map(outcomes.flatMap(({ number, endNs }) => (endNs === undefined ? [] : [[number, endNs] as const])));
}

export interface FleetResult {
  readonly outcomes: readonly FleetOutcome[];
  readonly makespanNs: number;
  readonly numTriggers: number;
  /** What jobs have taken of devices, by name; empty where nobody asks. */
  readonly spent: ReadonlyMap<string, Spent>;
}

/** What becomes of a job. */
interface Fate {
  readonly request: JobRequest;
  readonly truth: Truth;
  isOver: boolean;
  nextPrediction: number;
  nextMeasurement: number;
}

function newFate(request: JobRequest, truth: Truth): Fate {
  return { request, truth, isOver: false, nextPrediction: 0, nextMeasurement: 0 };
}

/** A simulated job is stopped, whose losses nobody has. */
export function simulatedStop(number: number, { stoppedBy: by }: Pick<Truth, "stoppedBy">): FleetEvent {
  return by === undefined
    ? { kind: "stop", number, by: "early-stopping", why: "its loss betters no more" }
    : { kind: "stop", number, by, why: "others of its sweep are better" };
}

/** From where a run goes on. */
export interface FleetStart {
  readonly state: FleetState;
  /** By number; a job that is not in it ends when it is predicted to. */
  readonly truths?: FleetCut["truths"];
  /** Whether something is decided at once, as where another policy begins. */
  readonly decidesAtOnce?: boolean;
}

/** How far a run goes. */
export interface FleetHorizon {
  /** To what has happened by then. */
  readonly untilNs?: number;
  /** The most triggers from now on. */
  readonly triggers?: number;
}

/** When devices tell what has ended: so often, from a time on. */
export interface Reports {
  readonly firstNs: number;
  readonly everyNs: number;
}

/** Jobs in the order in which they come. */
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
  readonly #toCome: readonly SimulatedJob[];
  readonly #firstNumber: number;
  /** By number. */
  readonly #fates = new Map<number, Fate>();
  readonly #clocks: readonly PipelineClock[];
  readonly #outcomes: FleetOutcomes;
  readonly #spent: SpentByIterations;
  readonly #reports: Reports | undefined;
  readonly #onLine: (line: JournalLine) => void;
  readonly #jobOf = (number: number): FleetJob => this.#scheduler.job(number);
  readonly #paging: FleetPaging | undefined;
  #numArrived = 0;
  #numTriggers = 0;
  #nowNs = -1;
  /** When something was decided last: no earlier than the jobs that it was decided on with had come. */
  #lineNs = 0;
  /** When the next iteration of interest ends, while that is the next thing to happen. */
  #endNs = Number.POSITIVE_INFINITY;
  /** Whether the next trigger is now. */
  #isDue = false;
  /** What has come and waits for a trigger. */
  #pending: FleetEvent[] = [];

  /** `jobs` are those that come; their numbers are their places in the order of arrival, after those that have come. */
  constructor(
    jobs: readonly SimulatedJob[],
    scheduler: Scheduler,
    {
      numPipelines,
      times,
      isAhead = false,
      reports,
      onLine = () => {},
      outcomes = new FleetOutcomes(),
      paging,
      from,
    }: {
      readonly numPipelines: number;
      readonly times: FleetTimes;
      /** Whether a job's next iteration has begun when one ends, as where work is queued ahead. */
      readonly isAhead?: boolean;
      /** When the scheduler hears of iterations that have ended; at once where absent. */
      readonly reports?: Reports;
      readonly onLine?: (line: JournalLine) => void;
      /** Where the jobs' stories are written. */
      readonly outcomes?: FleetOutcomes;
      /** What moving states takes; nothing where absent. */
      readonly paging?: FleetPaging;
      /** The scheduler has to have been made from its state; an empty fleet at time 0 where absent. */
      readonly from?: FleetStart | undefined;
    },
  ) {
    this.#scheduler = scheduler;
    this.#toCome = byArrival(jobs);
    this.#firstNumber = from?.state.numJobs ?? 0;
    this.#clocks = Array.from({ length: numPipelines }, (_, pipeline) => new PipelineClock(pipeline, times, isAhead));
    this.#reports = reports;
    this.#onLine = onLine;
    this.#outcomes = outcomes;
    this.#paging = paging;
    this.#spent = new SpentByIterations(times, from?.state.spent);
    if (from !== undefined) this.#goOn(from);
    this.#toCome.forEach(({ request, ...truth }, place) => {
      this.#fates.set(this.#firstNumber + place, newFate(request, truth));
    });
  }

  #goOn({ state, truths, decidesAtOnce = false }: FleetStart): void {
    const { atNs, scheduler, placed, past, pending } = state;
    this.#nowNs = atNs;
    this.#isDue = decidesAtOnce;
    this.#pending = [...pending];
    const doneBy = new Map(placed.map(({ number, done }) => [number, done]));
    const truthOf = (job: FleetJob): Truth => truths?.get(job.number) ?? asPredicted(job, doneBy.get(job.number));
    for (const job of scheduler.jobs) this.#fates.set(job.number, newFate(job, truthOf(job)));
    this.#spent.goOn(scheduler.jobs);
    for (const event of pending)
      if (event.kind === "arrived" || event.kind === "restored") {
        const { number, request, predicted } = event;
        this.#fates.set(number, newFate(request, truths?.get(number) ?? { iterations: predicted }));
      }
    this.#outcomes.goOn(atNs, scheduler.jobs, past);
    const jobOf = this.#jobOf;
    this.#clocks.forEach((clock, pipeline) => {
      const own = placed.filter(({ number }) => jobOf(number).pipeline === pipeline);
      const members = own.map((member) => ({
        ...member,
        iterations: this.#fates.get(member.number)!.truth.iterations,
        watched: this.#isWatched(member.number),
        leaving: jobOf(member.number).standing === "leaving",
      }));
      clock.restore(atNs, members, jobOf);
    });
  }

  /** To the end of the last job. @throws PlanError where jobs are left that the policy does not train, and nobody paused */
  run(): FleetResult {
    this.advance();
    for (const [number, { isOver, request }] of this.#fates)
      if (!isOver && this.#scheduler.job(number).hold === undefined)
        throw new PlanError({
          expected: "a policy that trains every job, or refuses it",
          got: `${request.name} at the end`,
        });
    return this.result();
  }

  /** As far as the horizon; whether anything is left to happen behind it. */
  advance({ untilNs = Number.POSITIVE_INFINITY, triggers = Number.POSITIVE_INFINITY }: FleetHorizon = {}): boolean {
    const last = this.#numTriggers + triggers;
    for (;;) {
      const atNs = this.#nextNs();
      if (atNs === Number.POSITIVE_INFINITY) return false;
      if (atNs > untilNs || this.#numTriggers >= last) return true;
      this.#step(atNs);
    }
  }

  /** What has become so far of the jobs that have come. */
  result(): FleetResult {
    const outcomes = this.#outcomes.all();
    return {
      outcomes,
      makespanNs: outcomes.reduce((most, { endNs = 0 }) => Math.max(most, endNs), 0),
      numTriggers: this.#numTriggers,
      spent: this.#spent.all(),
    };
  }

  /** The fleet as it is, at the time up to which it was advanced, and what is to come. */
  cut(atNs = Math.max(0, this.#nowNs)): FleetCut {
    const scheduler = this.#scheduler.state();
    const placed = this.#clocks.flatMap((clock) => clock.placedAt(atNs));
    const truths = new Map<number, Truth>();
    for (const [number, { truth, isOver, nextPrediction, nextMeasurement }] of this.#fates) {
      if (isOver || number >= this.#firstNumber + this.#numArrived) continue;
      const { iterations, predictions = [], measurements, stoppedBy } = truth;
      truths.set(number, {
        iterations,
        ...(stoppedBy === undefined ? {} : { stoppedBy }),
        predictions: predictions.slice(nextPrediction),
        ...(measurements === undefined ? {} : { measurements: measurements.slice(nextMeasurement) }),
      });
    }
    return {
      state: {
        atNs,
        scheduler,
        placed,
        past: this.#outcomes.past(atNs),
        pending: [...this.#pending],
        numJobs: this.#firstNumber + this.#numArrived,
        spent: this.#spent.state(scheduler.jobs),
      },
      truths,
      toCome: this.#toCome.slice(this.#numArrived),
    };
  }

  /** When what waits for a trigger comes; it is there where everything is heard of at once. */
  #comesNs(event: FleetEvent): number {
    return event.kind === "arrived" && this.#reports !== undefined ? event.request.arrivalNs : 0;
  }

  /** When something is decided since a pipeline has nothing to do; never, where all have or nothing waits. */
  get #idleNs(): number {
    const [first] = this.#pending;
    const isIdle = first !== undefined && this.#clocks.some((clock) => clock.isIdle);
    return isIdle ? this.#comesNs(first) : Number.POSITIVE_INFINITY;
  }

  /** An end from then on is decided on with a job that comes: it is told of when the job is there. */
  #seenNs({ arrivalNs }: JobRequest): number {
    if (this.#reports === undefined) return arrivalNs;
    const { firstNs, everyNs } = this.#reports;
    return Math.max(0, firstNs + everyNs * Math.floor((arrivalNs - firstNs) / everyNs));
  }

  #nextNs(): number {
    const idleNs = this.#idleNs;
    if (this.#isDue || idleNs <= this.#nowNs) return this.#nowNs;
    const nextJob = this.#toCome[this.#numArrived];
    const seenNs = nextJob === undefined ? Number.POSITIVE_INFINITY : this.#seenNs(nextJob.request);
    // Without anything to decide only ends, and iterations after which somebody leaves, are of interest.
    const all = this.#scheduler.watches === "iterations" || this.#pending.length > 0;
    this.#endNs = Number.POSITIVE_INFINITY;
    for (const clock of this.#clocks) {
      const ns = clock.nextNs(this.#nowNs, all);
      if (ns < this.#endNs) this.#endNs = ns;
    }
    return Math.min(seenNs, idleNs, this.#endNs);
  }

  #step(atNs: number): void {
    this.#nowNs = atNs;
    const isEnd = atNs === this.#endNs;
    this.#endNs = Number.POSITIVE_INFINITY;
    for (;;) {
      const job = this.#toCome[this.#numArrived];
      if (job === undefined || this.#seenNs(job.request) > atNs) break;
      const { request, predicted = request.iterations } = job;
      this.#pending.push({ kind: "arrived", number: this.#firstNumber + this.#numArrived, request, predicted });
      this.#numArrived += 1;
    }
    const isOfEnd = isEnd || this.#clocks.some((clock) => clock.hasEndAt(atNs));
    if (!this.#isDue && !isOfEnd && this.#idleNs > atNs) return;
    this.#isDue = false;
    const events: FleetEvent[] = [];
    const toldAll = this.#scheduler.watches !== "changes";
    for (const clock of this.#clocks) {
      if (!clock.hasEndBy(atNs)) continue;
      for (const { number, done, justEnded, between } of clock.progressAt(atNs, toldAll)) {
        events.push({ kind: "progress", number, done, between });
        this.#spent.progressed(this.#jobOf(number), done);
        if (justEnded) this.#follows(number, done, events, clock);
      }
    }
    events.push(...this.#spent.due().filter(({ number }) => !this.#fates.get(number)!.isOver));
    const told = isOfEnd ? this.#pending : this.#pending.filter((event) => this.#comesNs(event) <= atNs);
    events.push(...told);
    this.#pending = this.#pending.slice(told.length);
    // In the order in which they come.
    this.#lineNs = Math.max(this.#lineNs, atNs, told.length === 0 ? 0 : this.#comesNs(told.at(-1)!));
    const line = this.#scheduler.trigger(this.#lineNs, events);
    this.#numTriggers += 1;
    const begun: number[] = [];
    for (const { kind, number, pipeline } of line.decisions) {
      const fate = this.#fates.get(number)!;
      switch (kind) {
        case "start":
        case "resume":
          this.#clocks[pipeline!]!.add(number, fate.truth.iterations, this.#isWatched(number));
          begun.push(number);
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
    for (const clock of this.#clocks) clock.settle(atNs, this.#jobOf);
    // An end may be told of later, with a job that comes then.
    for (const number of begun) this.#clocks[this.#jobOf(number).pipeline!]!.delay(number, this.#lineNs - atNs);
    for (const [number, untilNs] of this.#paging?.follow(line) ?? [])
      this.#clocks[this.#jobOf(number).pipeline!]!.hold(untilNs, this.#lineNs);
    this.#outcomes.add(line);
    this.#spent.add(line);
    this.#onLine(line);
  }

  /** What follows from an iteration that has ended. */
  #follows(number: number, done: number, events: FleetEvent[], clock: PipelineClock): void {
    const fate = this.#fates.get(number)!;
    const { request, truth } = fate;
    const { iterations, predictions = [] } = truth;
    this.#measure(number, done, events, clock);
    if (done === request.iterations) {
      events.push({ kind: "ended", number });
      fate.isOver = true;
      clock.remove(number);
      return;
    }
    if (done === iterations) events.push(simulatedStop(number, truth));
    for (;;) {
      const next = predictions[fate.nextPrediction];
      if (next === undefined || next.done > done) return;
      events.push({ kind: "predicted", number, predicted: next.predicted });
      fate.nextPrediction += 1;
    }
  }

  /** Whether something may follow from the end of an iteration: it will be measured, or has a budget. */
  #isWatched(number: number): boolean {
    const { truth, nextMeasurement, request } = this.#fates.get(number)!;
    const { measurements } = truth;
    if (hasBudget(request)) return true;
    return measurements === undefined ? isUnmeasured(this.#scheduler, number) : nextMeasurement < measurements.length;
  }

  #measure(number: number, done: number, events: FleetEvent[], clock: PipelineClock): void {
    const fate = this.#fates.get(number)!;
    const { measurements } = fate.truth;
    if (measurements === undefined) {
      if (done < fate.request.iterations) events.push(...measurementOf(this.#scheduler, number));
    } else {
      for (; fate.nextMeasurement < measurements.length; fate.nextMeasurement += 1) {
        const next = measurements[fate.nextMeasurement]!;
        if (next.done > done) return;
        events.push({ kind: "measured", number, bytes: next.bytes });
      }
    }
    clock.setWatched(number, hasBudget(fate.request));
  }
}
