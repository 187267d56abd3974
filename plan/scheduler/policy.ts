import type { FleetJob } from "./fleet-job.ts";
import type { Places } from "./places.ts";
import type { Resources } from "./resources.ts";
import type { SchedulerState } from "./scheduler-state.ts";

/** What a policy decides by. */
export interface FleetView {
  readonly nowNs: number;
  /** Jobs that hold no device, and jobs that do, in the policy's own order. */
  readonly waiting: readonly FleetJob[];
  readonly placed: readonly FleetJob[];
  readonly resources: Resources;
  /** The placed ones by pipeline; undefined where what jobs need changes. */
  readonly places?: Places | undefined;
  /** Events so far that are more than progress: it is another number where something has changed. */
  readonly changes: number;
  /** Tokens that a user's jobs have trained. */
  served(user: string): number;
  /** All that the scheduler knows, before this decision. */
  state(): SchedulerState;
}

/** A job that is to train now. */
export interface Wish {
  readonly job: FleetJob;
  readonly pipeline: number;
  /** For a person: why this one. Asked where it is said, which is seldom. */
  readonly why: (job: FleetJob) => string;
}

export interface Refusal {
  readonly job: FleetJob;
  readonly why: string;
}

/** A choice said by who moves, which are few: whoever trains and is not among `leaves` stays. */
export interface Moves {
  /** Who begins now, the most wanted first. */
  readonly joins: readonly Wish[];
  /** In any order. */
  readonly leaves: readonly FleetJob[];
  /** Why whoever stays does. */
  readonly why: Wish["why"];
}

export interface Choice {
  /**
   * Whom the pipelines are to train from now on, the most wanted first. Whoever trains and is not among them is
   * preempted at the end of its iteration.
   */
  readonly wishes: readonly Wish[];
  /** What the wishes come to, where `FleetView.places` were there to find it out by; nobody asks for wishes then. */
  readonly moves?: Moves;
  /** Jobs that are never to begin. */
  readonly refusals?: readonly Refusal[];
  readonly memory: unknown;
}

/**
 * Who trains when: a pure function of what is known. It is asked at triggers (the end of an iteration, a job's end, an
 * arrival while a pipeline is idle) and keeps between them what it calls its memory, which JSON can hold.
 */
export interface Policy {
  readonly name: string;
  /** A line for people. */
  readonly describe: string;
  /** The order of jobs. What it compares does not change but by an event of one of the two. */
  compare(a: FleetJob, b: FleetJob): number;
  readonly initial: unknown;
  /**
   * What may change its mind: only a job that has come, gone or changed; or then also how far the others are; or the end
   * of any iteration by itself.
   */
  readonly watches: "changes" | "progress" | "iterations";
  /** Jobs of a pipeline share micro-batches, packed by tokens, where that is faster than each in its own. */
  readonly sharesMicroBatches?: boolean;
  decide(view: FleetView, memory: unknown): Choice;
}

/** Ties go to the job that came first. */
export function byArrival(a: FleetJob, b: FleetJob): number {
  return a.number - b.number;
}
