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
}

/** Where a job is. `leaving`: it trains to the end of the iteration that it is in, and is preempted then. */
export type Standing = "waiting" | "running" | "leaving" | "preempted";

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
}

/** Iterations that are predicted to be left: at least one, since it has not ended. */
export function predictedLeft({ predicted, done }: FleetJob): number {
  return Math.max(1, predicted - done);
}
