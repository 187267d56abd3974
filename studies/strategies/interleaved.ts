import { InputError } from "../../core/index.ts";
import type { Action, ActionLetter, Orders } from "../../plan/index.ts";

/**
 * Interleaved 1F1B of one mini-batch (Narayanan et al. 2021, section 2.2): device d owns the stages d, d + D, d + 2 D,
 * ...
 * (its chunks), and runs D micro-batches through a chunk before it turns to the next one. The bubble is that of 1F1B
 * divided by the chunks of a device.
 * @throws InputError unless the micro-batches are a multiple of the devices.
 */
export function interleavedOrders(
  numDevices: number,
  chunksPerDevice: number,
  numMicroBatches: number,
): Orders<ActionLetter> {
  if (numMicroBatches % numDevices !== 0)
    throw new InputError({
      expected: `micro-batches that are a multiple of ${numDevices} devices`,
      at: "microBatches",
      got: numMicroBatches,
    });
  const total = numMicroBatches * chunksPerDevice;
  const round = numDevices * chunksPerDevice;
  return Array.from({ length: numDevices }, (_, device) => {
    const op = (letter: "F" | "B", number: number): Action<ActionLetter> => {
      const turn = Math.floor((number % round) / numDevices);
      const chunk = letter === "F" ? turn : chunksPerDevice - 1 - turn;
      const microBatch = Math.floor(number / round) * numDevices + (number % numDevices);
      return { stage: chunk * numDevices + device, letter, microBatch };
    };
    const ahead = Math.min(total, 2 * (numDevices - device - 1) + (chunksPerDevice - 1) * numDevices);
    const order: Action<ActionLetter>[] = [];
    for (let number = 0; number < ahead; number += 1) order.push(op("F", number));
    for (let number = ahead; number < total; number += 1) order.push(op("F", number), op("B", number - ahead));
    for (let number = total - ahead; number < total; number += 1) order.push(op("B", number));
    return order;
  });
}
