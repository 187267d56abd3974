import { mean, quantile, sum } from "../../core/index.ts";
import { type FleetOutcome, priorityWeights } from "../../plan/index.ts";

/** Seconds over jobs. */
export interface Spread {
  readonly mean: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
}

export interface FleetMetrics {
  /** From a job's arrival to its end; jobs that were refused have none. */
  readonly turnaroundSeconds: Spread;
  /** Of the turnaround, what a job was not on devices. */
  readonly waitingSeconds: Spread;
  /** The mean turnaround, each job as often as its priority above the smallest, plus one. */
  readonly weightedTurnaroundSeconds: number;
  readonly makespanSeconds: number;
  readonly preemptions: number;
  readonly refused: number;
  /** Mean number of jobs that had come and not ended. */
  readonly jobsInSystem: number;
}

function spread(values: readonly number[]): Spread {
  return {
    mean: mean(values),
    median: quantile(values, 0.5),
    p95: quantile(values, 0.95),
    p99: quantile(values, 0.99),
  };
}

/** Of a fleet that has come to its end. */
export function fleetMetrics(
  { outcomes, makespanNs }: { readonly outcomes: readonly FleetOutcome[]; readonly makespanNs: number },
  priorities: readonly number[],
): FleetMetrics {
  const ended = outcomes.flatMap((outcome, i) => (outcome.endNs === undefined ? [] : [{ outcome, i }]));
  const turnaround = ({ endNs, arrivalNs }: FleetOutcome): number => (endNs! - arrivalNs) / 1e9;
  const ofAll = priorityWeights(priorities);
  const weights = ended.map(({ i }) => ofAll[i]!);
  const turnarounds = ended.map(({ outcome }) => turnaround(outcome));
  // From the first arrival, which is that of the first job, to the last end.
  const spanSeconds = ended.length === 0 ? 0 : (makespanNs - outcomes[0]!.arrivalNs) / 1e9;
  return {
    turnaroundSeconds: spread(turnarounds),
    waitingSeconds: spread(ended.map(({ outcome }) => turnaround(outcome) - outcome.trainedNs / 1e9)),
    weightedTurnaroundSeconds: sum(turnarounds.map((each, i) => each * weights[i]!)) / Math.max(1, sum(weights)),
    makespanSeconds: makespanNs / 1e9,
    preemptions: sum(outcomes.map(({ preemptions }) => preemptions)),
    refused: outcomes.filter(({ refused }) => refused).length,
    jobsInSystem: spanSeconds === 0 ? 0 : sum(turnarounds) / spanSeconds,
  };
}
