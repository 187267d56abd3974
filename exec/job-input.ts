import type { Row } from "../datasets/index.ts";
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
}

/** What a job starts from. */
export type JobStart = Pick<JobInput, "start" | "reference">;

/** An input that is there, or is made when its job begins to train: of those that wait nothing is held. */
export type DueInput = JobInput | (() => JobInput);
