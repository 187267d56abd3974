import type { MaxCost } from "../documents/money.ts";

/** What is asked for with a job. Times are in nanoseconds since the fleet's start. */
export interface JobRequest {
  readonly name: string;
  /** Who is charged for it where users share by weight. */
  readonly user: string;
  /** The larger goes first. */
  readonly priority: number;
  readonly arrivalNs: number;
  /** By when it is to have ended; null where nobody said. */
  readonly deadlineNs: number | null;
  /** Iterations, which are optimizer steps. */
  readonly iterations: number;
  /** Of an iteration, on average: what users are charged for. */
  readonly tokens: number;
  /** What it may take of devices, and all jobs of its user together. */
  readonly maxCost?: MaxCost;
  readonly userMaxCost?: MaxCost;
}

/** Where a job is. `leaving`: it trains to the end of the iteration that it is in, and is preempted then. */
export type Standing = "waiting" | "running" | "leaving" | "preempted";

/** Why a job is not to train, whoever else does: it waits until somebody lets it go on, or it ends. */
export type Hold =
  | { readonly kind: "pause"; readonly why?: string }
  | { readonly kind: "stop"; readonly by: StoppedBy; readonly why: string };

/** Who ends a job before it has trained all iterations that it asks for. */
export type StoppedBy = "user" | "early-stopping" | "halving" | "budget";

/** A job as the scheduler knows it. */
export interface FleetJob extends JobRequest {
  /** In the order of arrival. */
  readonly number: number;
  readonly standing: Standing;
  /** Iterations that have ended. */
  readonly done: number;
  /** Iterations after which it is predicted to end, at most those that it asks for. */
  readonly predicted: number;
  /** Where it trains and holds memory; undefined while it does not. */
  readonly pipeline: number | undefined;
  /** Undefined where a policy decides of it. */
  readonly hold: Hold | undefined;
  /** Bytes of each device of its pipeline that are kept for it while it is there; undefined where nobody measures. */
  readonly reserved?: readonly number[] | undefined;
  /** The most that it was seen to take of each device of a pipeline. */
  readonly measured?: { readonly pipeline: number; readonly bytes: readonly number[] };
}

/** Iterations that are predicted to be left: at least one, since it has not ended. */
export function predictedLeft({ predicted, done }: FleetJob): number {
  return Math.max(1, predicted - done);
}
