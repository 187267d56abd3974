import type { ActionCost } from "./action-cost.ts";
import { normOperators } from "./magnitude-operators.ts";
import type { OperatorCall } from "./operator-calls.ts";
import { type StageShape, stageOperators, updateOperator } from "./operators.ts";

/** The operators that an action takes. */
export function actionOperators(action: ActionCost): readonly OperatorCall[] {
  return action.letter === "U"
    ? updateOperators(action.shape, action.updatedJobs)
    : stageOperators(action.shape, action.letter, action.microBatch);
}

/** Those of an update of jobs' adapters on a stage. */
export function updateOperators(
  shape: Pick<StageShape, "architecture" | "stage" | "jobs">,
  jobIndices: readonly number[],
): readonly OperatorCall[] {
  return [updateOperator(shape, jobIndices), ...normOperators(shape, jobIndices)];
}
