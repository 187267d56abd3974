import {
  type FleetEvent,
  type FleetJob,
  type JobPast,
  type JobRequest,
  predictedLeft,
  type SchedulerState,
} from "../../plan/index.ts";
import type { PlacedJob } from "./pipeline-clock.ts";

/** What nobody knows of a job before it happens. */
export interface Truth {
  /** Iterations after which it ends, by itself or since it is stopped; at most those that it asks for. */
  readonly iterations: number;
  /** Who stops it then, where it does not end by itself; early stopping where absent. */
  readonly stoppedBy?: "halving";
  /** After how many iterations it is predicted to end once it has trained so many. */
  readonly predictions?: readonly { readonly done: number; readonly predicted: number }[];
  /**
   * Bytes that it is seen to take of each device of its pipeline once it has trained so many; where absent and sizes are
   * learned, it is seen to take what is predicted, when its first iteration on a pipeline has ended.
   */
  readonly measurements?: readonly { readonly done: number; readonly bytes: readonly number[] }[];
}

/** A job of a simulated fleet that has not come yet. */
export interface SimulatedJob extends Truth {
  readonly request: JobRequest;
  /** After how many iterations it is predicted to end when it comes; those that it asks for when absent. */
  readonly predicted?: number;
}

/** A fleet at some time, simulated or live, as JSON holds it: all that is known, and nothing of what is to come. */
export interface FleetState {
  readonly atNs: number;
  /** As it was left by its last trigger; its jobs may have trained since. */
  readonly scheduler: SchedulerState;
  /** The jobs on pipelines, those of each in the order in which they came there. */
  readonly placed: readonly PlacedJob[];
  /** Of jobs that have not ended. */
  readonly past: readonly JobPast[];
  /** What has happened and waits for a trigger. */
  readonly pending: readonly FleetEvent[];
  /** Jobs that have come so far, those that have ended too: the number of the next one. */
  readonly numJobs: number;
}

/** A fleet in the middle of its run, with what is to come. */
export interface FleetCut {
  readonly state: FleetState;
  /** By number; a job that is not in it ends when it is predicted to. */
  readonly truths: ReadonlyMap<number, Truth>;
  readonly toCome: readonly SimulatedJob[];
}

/** A job ends after the iterations that are predicted for it, but not before the one that it is in. */
export function asPredicted(job: FleetJob, done = job.done): Truth {
  return { iterations: Math.min(job.iterations, done + predictedLeft({ ...job, done })) };
}
