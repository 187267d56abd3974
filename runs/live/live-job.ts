import type { AdapterState, EvaluationMetrics, JobInput, JobStart, StepMetrics } from "../../exec/index.ts";
import type { FleetWork, Job, JournalLine } from "../../plan/index.ts";
import type { SampleLine } from "../folder/sample-lines.ts";

/** Where a live job is, or how it ended. */
export type LiveStanding =
  | "waiting"
  | "running"
  | "leaving"
  | "preempted"
  | "paused"
  | "ended"
  | "stopped"
  | "cancelled"
  | "refused";

/** What a live fleet knows of a job. Times are in nanoseconds since its devices were ready. */
export interface LiveJob {
  readonly number: number;
  readonly job: Job;
  readonly standing: LiveStanding;
  readonly priority: number;
  /** Iterations that have ended, of those that it asks for. */
  readonly done: number;
  readonly iterations: number;
  readonly pipeline: number | undefined;
  readonly arrivalNs: number;
  /** When it is to have ended; null for one without a deadline. */
  readonly deadlineNs: number | null;
  readonly startNs: number | undefined;
  readonly endNs: number | undefined;
  /** Of the last iteration. */
  readonly loss: number | undefined;
  /** On the rows that are held out, as it was taken last, and the lowest: after which step, from 0. */
  readonly evaluationLoss: number | undefined;
  readonly best: { readonly step: number; readonly evaluationLoss: number } | undefined;
  /** The reason of the last decision about it. */
  readonly why: string;
  /** The folder of its adapter, once it is over and has trained. */
  readonly adapter: string | undefined;
  /** And of the one with the lowest loss, where that is kept. */
  readonly bestAdapter: string | undefined;
}

/** What happens in a live fleet, in order. */
export type LiveNotice =
  | { readonly kind: "line"; readonly line: JournalLine }
  | { readonly kind: "step"; readonly metrics: StepMetrics }
  | { readonly kind: "evaluation"; readonly metrics: EvaluationMetrics }
  /** A job has answered its prompts. */
  | { readonly kind: "sample"; readonly lines: readonly SampleLine[] }
  /** A job is over, and its adapter is written where it has one. */
  | { readonly kind: "end"; readonly job: LiveJob };

/** A job with all that it trains on, and from. */
export interface LiveSubmission extends Pick<JobInput, "rows"> {
  readonly job: Job;
  readonly work: FleetWork;
  /** What it starts from, made when it begins to train. */
  readonly begin: () => JobStart;
  /** It starts from the adapter of another job as it was, which no document says. */
  readonly warm?: AdapterState;
}

/** The standings of jobs that nothing more happens to. */
export const OVER: readonly LiveStanding[] = ["ended", "stopped", "cancelled", "refused"];
