import type { Row } from "../datasets/index.ts";
import type { LossWatch } from "../plan/index.ts";
import type { AdapterState } from "./adapters.ts";
import type { BestEvaluation } from "./evaluations.ts";

/** What a job trains on, and from. */
export interface JobInput {
  readonly rows: readonly Row[];
  readonly start: AdapterState;
  /** What its answers are compared with, where that is an adapter. */
  readonly reference?: Pick<AdapterState, "parameters"> | undefined;
  /** What was best of it, where it goes on from an earlier run. */
  readonly best?: BestEvaluation | undefined;
  /** By which it ends early, where its session is to end it. */
  readonly watch?: LossWatch | undefined;
  /** Whether it was stopped in an earlier part of the run, and is there for those that it shares micro-batches with. */
  readonly isStopped?: boolean;
}

/** What a job starts from. */
export type JobStart = Pick<JobInput, "start" | "reference">;

/** An input that is there, or is made when its job begins to train: of those that wait nothing is held. */
export type DueInput = JobInput | (() => JobInput);
