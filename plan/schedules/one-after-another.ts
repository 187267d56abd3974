import type { Action, Orders } from "../actions/action.ts";
import type { MiniBatch } from "../actions/mini-batch.ts";
import { type ScheduleInput, updateOf } from "./schedule-input.ts";

/**
 * A schedule of single mini-batches: groups one after another, each with all its steps, as systems without LoRAPP train
 * them; evaluations behind the updates of their steps.
 */
export function oneAfterAnother(
  input: ScheduleInput,
  stageOrder: (stage: number, miniBatch: MiniBatch) => readonly Action[],
): Orders {
  const ordered = input.miniBatches.flat();
  return Array.from({ length: input.numStages }, (_, stage) =>
    ordered.flatMap((miniBatch) => [
      ...stageOrder(stage, miniBatch),
      updateOf(stage, miniBatch),
      ...(miniBatch.evaluation ?? []).map((microBatch) => ({ stage, letter: "E", microBatch }) as const),
    ]),
  );
}
