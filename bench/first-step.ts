import { type OperatorCall, type Plan, type StageShape, stageOperators, stageShapes } from "../plan/index.ts";

/** The one stage of a plan on one device, as the operators of its actions ask for it. */
export function onlyStage(plan: Plan): StageShape {
  return stageShapes(plan)[0]!;
}

/** The operators of the first optimizer step of every job of a plan on one device, forwards and backwards. */
export function firstStepCalls(plan: Plan): readonly OperatorCall[] {
  const shape = onlyStage(plan);
  return plan.microBatches
    .filter(({ step }) => step === 0)
    .flatMap((microBatch) => (["F", "B"] as const).flatMap((letter) => stageOperators(shape, letter, microBatch)));
}
