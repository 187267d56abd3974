import type { Action, ActionLetter, Orders } from "../../plan/index.ts";

/**
 * ZB-H1 of one mini-batch (Qi et al. 2023, Zero Bubble Pipeline Parallelism): 1F1B with the backward split. Stage s
 * puts off s weight gradients, which fill the gaps at its end, so that no stage holds more micro-batches between
 * forward and weight gradient than 1F1B's first one. With equal stages, free transfers and at least as many
 * micro-batches as stages the bubble is
 * (S - 1)(Tf + Ti - Tw).
 */
export function zeroBubbleOrders(numStages: number, numMicroBatches: number): Orders<ActionLetter> {
  return Array.from({ length: numStages }, (_, stage) => {
    const ahead = Math.min(numStages - stage, numMicroBatches);
    const order: Action<ActionLetter>[] = [];
    const add = (letter: ActionLetter, microBatch: number): void => {
      order.push({ stage, letter, microBatch });
    };
    let weightGradients = 0;
    for (let microBatch = 0; microBatch < ahead; microBatch += 1) add("F", microBatch);
    for (let microBatch = 0; microBatch < numMicroBatches; microBatch += 1) {
      add("I", microBatch);
      if (microBatch + 1 - weightGradients > stage) add("W", weightGradients++);
      if (microBatch + ahead < numMicroBatches) add("F", microBatch + ahead);
    }
    while (weightGradients < numMicroBatches) add("W", weightGradients++);
    return order;
  });
}
