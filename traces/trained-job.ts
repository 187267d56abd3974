import type { Spent } from "../plan/index.ts";
import type { JobMetrics } from "./metrics.ts";

/** A job that was stopped while the others trained on. */
export interface StoppedJob {
  /** The last step that it has made, from 0; of one that diverged, the step that was not finite. */
  readonly step: number;
  readonly why: string;
  /** Whether a step of it was not finite: it has no adapter. Others were ended early by their losses. */
  readonly hasDiverged: boolean;
  /** Of its evaluations, the lowest: after which step, from 0. */
  readonly best?: { readonly step: number; readonly evaluationLoss: number } | undefined;
}

type JobTimes = Pick<JobMetrics, "startSeconds" | "endSeconds" | "turnaroundSeconds" | "waitSeconds">;

/**
 * A job of a run, with all that it did in this part of the run and in earlier ones. Null stands for a loss that is not
 * finite. Times are of this part, and null for a job that made no step in it.
 */
export interface TrainedJob extends Spent, Record<keyof JobTimes, number | null> {
  readonly name: string;
  /** Steps that it has made. */
  readonly steps: number;
  /** Steps that it was to make. */
  readonly plannedSteps: number;
  /** Tokens of the rows of these steps. */
  readonly tokens: number;
  readonly finalLoss: number | null | undefined;
  /** By step. */
  readonly losses: readonly (number | null)[];
  /** The folder of its adapter; absent where none was written. */
  readonly adapter: string | undefined;
  readonly stopped: StoppedJob | undefined;
  /** Rows of its data that cannot be read and were left out; absent for none. */
  readonly skippedRows?: number;
  /** Absent for a job that was not evaluated. */
  readonly evaluations?: readonly {
    readonly step: number;
    readonly evaluationLoss: number | null;
    readonly tokens: number;
    readonly best: boolean;
  }[];
  readonly bestAdapter?: string | undefined;
}
