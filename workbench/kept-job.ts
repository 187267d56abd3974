import { sum } from "../core/index.ts";
import type { AdapterState } from "../exec/index.ts";
import {
  type FleetEvent,
  type FleetWork,
  type Job,
  type JobRequest,
  type LossWatch,
  ONLY_NOT_FINITE,
  type StoppedBy,
  startWatch,
  stoppingOptions,
} from "../plan/index.ts";
import type { LiveJob, LiveSubmission } from "./live-job.ts";

/** What a live fleet keeps of a job. */
export type KeptJob = { -readonly [K in keyof LiveJob]: LiveJob[K] } & {
  /** Of a job that is on no device. */
  state: AdapterState | undefined;
  /** What its losses say so far. */
  watch: LossWatch;
  /** Whether a step of it was not finite: its adapter is worth nothing. */
  isDiverged: boolean;
  /** What is to be decided on at the end of the iteration. */
  follows: readonly FleetEvent[];
  predicted: number;
  stoppedBy: StoppedBy | undefined;
  /** Who has paused it: it trains when nobody does any more. */
  readonly pausedBy: Set<"user" | "halving">;
};

/** What is asked for with a job that comes at a time. */
export function jobRequest(
  { name, user = "", priority, deadlineSeconds }: Job,
  { job, steps }: FleetWork,
  arrivalNs: number,
): JobRequest {
  const tokens = sum(steps.flat(2).map(([, , count]) => count)) / steps.length;
  const deadlineNs = deadlineSeconds === undefined ? null : arrivalNs + Math.round(deadlineSeconds * 1e9);
  return { name, user, priority, arrivalNs, deadlineNs, iterations: job.steps, tokens };
}

/** A job that comes. */
export function newKeptJob(number: number, { job }: Pick<LiveSubmission, "job">, request: JobRequest): KeptJob {
  const { priority, arrivalNs, iterations } = request;
  return {
    number,
    job,
    standing: "waiting",
    priority,
    done: 0,
    iterations,
    pipeline: undefined,
    arrivalNs,
    startNs: undefined,
    endNs: undefined,
    loss: undefined,
    evaluationLoss: undefined,
    best: undefined,
    why: "nobody has decided about it yet",
    adapter: undefined,
    bestAdapter: undefined,
    state: undefined,
    watch: startWatch({ options: stoppingOptions(job) ?? ONLY_NOT_FINITE, steps: iterations }),
    isDiverged: false,
    follows: [],
    predicted: iterations,
    stoppedBy: undefined,
    pausedBy: new Set(),
  };
}
