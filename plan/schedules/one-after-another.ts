import { EVALUATION } from "../actions/action.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";
import { coded, type StageOrders } from "../actions/order.ts";
import { type ScheduleInput, updateOf } from "./schedule-input.ts";

/**
 * A schedule of single mini-batches: groups one after another, each with all its steps, as systems without LoRAPP train
 * them; evaluations behind the updates of their steps.
 */
export function oneAfterAnother(
  input: ScheduleInput,
  stageOrder: (stage: number, miniBatch: MiniBatch) => readonly number[],
): StageOrders {
  const ordered = input.miniBatches.flat();
  return Array.from({ length: input.numStages }, (_, stage) =>
    Int32Array.from(
      ordered.flatMap((miniBatch) => [
        ...stageOrder(stage, miniBatch),
        updateOf(miniBatch),
        ...(miniBatch.evaluation ?? []).map((microBatch) => coded(EVALUATION, microBatch)),
      ]),
    ),
  );
}
