import { groupBy, mean, quantile, sum } from "../../core/index.ts";
import { type FleetOutcome, type JobRequest, priorityWeights } from "../../plan/index.ts";
import { type FleetBounds, fleetBounds } from "./fleet-bounds.ts";

/** Seconds, or times as much, over jobs. */
export interface Spread {
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
}

/** Something beside what no scheduler can beat. */
export interface AgainstBound {
  readonly boundSeconds: number;
  /** Times as much as the bound; at least 1 where the bound is of the times that were taken. */
  readonly ratio: number;
}

export interface FleetMetrics {
  /** From a job's arrival to its end; jobs that were refused have none. */
  readonly turnaroundSeconds: Spread;
  /** Of the turnaround, what a job was not on devices. */
  readonly waitingSeconds: Spread;
  /** The turnaround of a job / the least time that it could train in. */
  readonly slowdown: Spread;
  /** The means, each job as often as its priority above the smallest, plus one. */
  readonly weightedTurnaroundSeconds: number;
  readonly weightedWaitingSeconds: number;
  readonly makespanSeconds: number;
  /** Tokens of rows that were trained, without any padding, a second from the first arrival to the last end. */
  readonly tokensPerSecond: number;
  /** By pipeline, the share of that time in which it trained anything. */
  readonly utilisation: readonly number[];
  /** Jain's index of what users got: tokens a second of the time in which they had jobs; 1 where all got the same. */
  readonly fairness: number;
  readonly preemptions: number;
  readonly refused: number;
  /** Mean number of jobs that had come and not ended. */
  readonly jobsInSystem: number;
  /** Beside what no scheduler can beat with the jobs that ended, each in micro-batches of its own; null where that is not so. */
  readonly bounds: { readonly makespan: AgainstBound; readonly meanTurnaround: AgainstBound } | null;
}

/** What a job is judged by beside what became of it. */
export interface JudgedJob {
  readonly request: JobRequest;
  /** Of an iteration: its least time, and what it takes of what a pipeline has once (`BoundedJob`). */
  readonly leastNs: number;
  readonly loadsNs: readonly number[];
}

interface Ended {
  readonly outcome: FleetOutcome;
  readonly job: JudgedJob;
}

function spread(values: readonly number[]): Spread {
  return {
    mean: mean(values),
    median: quantile(values, 0.5),
    p95: quantile(values, 0.95),
    p99: quantile(values, 0.99),
  };
}

/** Jain, Chiu and Hawe (DEC TR-301, 1984): (sum x)^2 / (n sum x^2), from 1/n to 1. */
export function jainIndex(values: readonly number[]): number {
  const squares = sum(values.map((value) => value ** 2));
  return squares === 0 ? 1 : sum(values) ** 2 / (values.length * squares);
}

function tokensOf({ outcome, job }: Ended): number {
  return outcome.iterations * job.request.tokens;
}

/** How long some spans cover, each from its start to its end; what several cover counts once. */
export function coveredNs(spans: readonly (readonly [number, number])[]): number {
  let [covered, until] = [0, Number.NEGATIVE_INFINITY];
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    covered += Math.max(0, end - Math.max(start, until));
    until = Math.max(until, end);
  }
  return covered;
}

/** Tokens a nanosecond that each user's jobs trained while it had any. */
function ratesOfUsers(ended: readonly Ended[]): readonly number[] {
  return [...groupBy(ended, ({ job }) => job.request.user).values()].map((own) => {
    const spans = own.map(({ outcome: { arrivalNs, endNs } }) => [arrivalNs, endNs!] as const);
    return sum(own.map(tokensOf)) / coveredNs(spans);
  });
}

function boundsOf(ended: readonly Ended[], numPipelines: number): FleetBounds {
  const jobs = ended.map(({ outcome: { arrivalNs, iterations }, job: { leastNs, loadsNs } }) => ({
    arrivalNs,
    leastNs: iterations * leastNs,
    loadsNs: loadsNs.map((ns) => iterations * ns),
  }));
  return fleetBounds(jobs, numPipelines);
}

function against(seconds: number, boundNs: number): AgainstBound {
  return { boundSeconds: boundNs / 1e9, ratio: boundNs === 0 ? 1 : seconds / (boundNs / 1e9) };
}

/** A fleet that has come to its end. */
export interface EndedFleet {
  readonly outcomes: readonly FleetOutcome[];
  /** In the order of the outcomes. */
  readonly jobs: readonly JudgedJob[];
  /** By pipeline, the time in which it trained anything. */
  readonly busyNs: readonly number[];
  /** Whether the jobs' least times and loads bound it, which they do not where jobs share micro-batches. */
  readonly isBounded: boolean;
}

export function fleetMetrics({ outcomes, jobs, busyNs, isBounded }: EndedFleet): FleetMetrics {
  const makespanNs = outcomes.reduce((most, { endNs = 0 }) => Math.max(most, endNs), 0);
  const ended = outcomes.flatMap((outcome, i) => (outcome.endNs === undefined ? [] : [{ outcome, job: jobs[i]! }]));
  const ofAll = priorityWeights(jobs.map(({ request }) => request.priority));
  const weights = outcomes.flatMap(({ endNs }, i) => (endNs === undefined ? [] : [ofAll[i]!]));
  const weighted = (values: readonly number[]): number =>
    sum(values.map((each, i) => each * weights[i]!)) / Math.max(1, sum(weights));
  const turnarounds = ended.map(({ outcome: { endNs, arrivalNs } }) => (endNs! - arrivalNs) / 1e9);
  const waits = ended.map(({ outcome }, i) => turnarounds[i]! - outcome.trainedNs / 1e9);
  // From the first arrival, which is that of the first job, to the last end.
  const spanSeconds = ended.length === 0 ? 0 : (makespanNs - outcomes[0]!.arrivalNs) / 1e9;
  const over = (value: number): number => (spanSeconds === 0 ? 0 : value / spanSeconds);
  const turnaroundSeconds = spread(turnarounds);
  const makespanSeconds = makespanNs / 1e9;
  const bounds = boundsOf(ended, busyNs.length);
  return {
    turnaroundSeconds,
    waitingSeconds: spread(waits),
    slowdown: spread(ended.map(({ outcome, job }, i) => (1e9 * turnarounds[i]!) / (outcome.iterations * job.leastNs))),
    weightedTurnaroundSeconds: weighted(turnarounds),
    weightedWaitingSeconds: weighted(waits),
    makespanSeconds,
    tokensPerSecond: over(sum(ended.map(tokensOf))),
    utilisation: busyNs.map((ns) => over(ns / 1e9)),
    fairness: jainIndex(ratesOfUsers(ended)),
    preemptions: sum(outcomes.map(({ preemptions }) => preemptions)),
    refused: outcomes.filter(({ refused }) => refused).length,
    jobsInSystem: over(sum(turnarounds)),
    bounds: isBounded
      ? {
          makespan: against(makespanSeconds, bounds.makespanNs),
          meanTurnaround: against(turnaroundSeconds.mean, bounds.meanTurnaroundNs),
        }
      : null,
  };
}
