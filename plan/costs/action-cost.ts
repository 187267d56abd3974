import type { PlannedLetter } from "../actions/action.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import type { MicroBatch } from "../documents/segment.ts";
import type { StageShape } from "./operators.ts";

/** What the time of an action follows from. */
export interface ActionCost {
  readonly letter: PlannedLetter;
  readonly device: ResolvedDevice;
  readonly shape: StageShape;
  readonly microBatch: Pick<MicroBatch, "rows">;
  /** `U` only: indices of the jobs that are updated. */
  readonly updatedJobs: readonly number[];
}
