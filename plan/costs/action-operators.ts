import type { ActionCost } from "./action-cost.ts";
import { normOperators } from "./magnitude-operators.ts";
import type { OperatorCall } from "./operator-calls.ts";
import { stageOperators, updateOperator } from "./operators.ts";

/** The operators that an action takes. */
export function actionOperators(action: ActionCost): readonly OperatorCall[] {
  return action.letter === "U"
    ? [updateOperator(action.shape, action.updatedJobs), ...normOperators(action.shape, action.updatedJobs)]
    : stageOperators(action.shape, action.letter, action.microBatch);
}
