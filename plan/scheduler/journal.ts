import type { JobRequest, StoppedBy } from "./fleet-job.ts";

/**
 * What somebody asks for. `askedNs`: when, where that is known; it is decided on when an iteration ends. `by`, `why` of a
 * pause: where it was not a person.
 */
export type AskedEvent = { readonly number: number; readonly askedNs?: number } & (
  | { readonly kind: "pause" | "unpause"; readonly by?: "halving"; readonly why?: string }
  | { readonly kind: "priority"; readonly priority: number }
  /** It is to end before its last iteration, as soon as the one that it is in has ended. */
  | { readonly kind: "stop"; readonly by: StoppedBy; readonly why: string }
);

/** What has happened. `number`: of a job, in the order of arrival. */
export type FleetEvent =
  | { readonly kind: "arrived"; readonly number: number; readonly request: JobRequest; readonly predicted: number }
  /** Iterations of a job that have ended by now; `between`: it has ended one just now, and not begun the next. */
  | { readonly kind: "progress"; readonly number: number; readonly done: number; readonly between: boolean }
  /**
   * A fleet that was cut off goes on: a job that had come to it and is not over is there again, on no device and held by
   * nobody, with the iterations that are not lost. All of them are told of in the first line that is decided then.
   */
  | {
      readonly kind: "restored";
      readonly number: number;
      readonly request: JobRequest;
      readonly predicted: number;
      readonly done: number;
    }
  /** It has trained all iterations that it asked for. */
  | { readonly kind: "ended"; readonly number: number }
  | AskedEvent
  /** Bytes that it was seen to take of each device of its pipeline, in the order of stages. */
  | { readonly kind: "measured"; readonly number: number; readonly bytes: readonly number[] }
  /** After how many iterations it is now predicted to end. */
  | { readonly kind: "predicted"; readonly number: number; readonly predicted: number };

/**
 * What was decided of a job. `leave`: it is to be preempted when the iteration that it is in has ended. `stay`: it is
 * not any more. `stop`: it has ended before its last iteration.
 */
export interface Decision {
  readonly kind: "start" | "resume" | "leave" | "stay" | "preempt" | "stop" | "refuse";
  readonly number: number;
  readonly name: string;
  readonly pipeline?: number;
  readonly why: string;
}

/** A line of the journal: a trigger, what happened up to it, and what was decided. */
export interface JournalLine {
  readonly line: number;
  readonly atNs: number;
  readonly events: readonly FleetEvent[];
  readonly decisions: readonly Decision[];
}
