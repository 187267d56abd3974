import fc from "fast-check";
import { expect, test } from "vitest";
import { InputError } from "../../core/index.ts";
import type { Action, ActionLetter, Orders } from "../../plan/index.ts";
import { pipelineTasks, runTasks } from "../../sim/index.ts";
import { interleavedOrders } from "../../studies/strategies/interleaved.ts";
import { mostHeld } from "../../studies/strategies/split-pipelines.ts";
import { zeroBubbleOrders } from "../../studies/strategies/zero-bubble.ts";

const FREE = { seconds: 0, flows: [], latencySeconds: 0 };

function run(
  orders: Orders<ActionLetter>,
  numChunks: number,
  seconds: (action: Action<ActionLetter>) => number,
  hopSeconds = 0,
) {
  const graph = pipelineTasks({
    orders,
    numStages: numChunks,
    deviceOf: (stage) => stage % orders.length,
    seconds,
    message: () => ({ ...FREE, latencySeconds: hopSeconds }),
  });
  return runTasks(graph).makespanNs / 1e9;
}

test("interleaving divides the bubble of 1F1B by the chunks of a device", () => {
  for (const [devices, chunks, rounds] of [
    [2, 2, 2],
    [4, 1, 3],
    [4, 2, 2],
    [4, 3, 1],
    [3, 4, 2],
  ] as const) {
    const microBatches = devices * rounds;
    const orders = interleavedOrders(devices, chunks, microBatches);
    const makespan = run(orders, devices * chunks, ({ letter }) => (letter === "F" ? 12 : 24) / chunks);
    expect(makespan).toBeCloseTo(36 * microBatches + (36 * (devices - 1)) / chunks, 6);
  }
  expect(() => interleavedOrders(4, 2, 6)).toThrow(InputError);
});

const SHAPE = fc.record({
  numStages: fc.integer({ min: 1, max: 6 }),
  numMicroBatches: fc.integer({ min: 1, max: 16 }),
});

test("ZB-H1 runs every part of every micro-batch once, and holds no more micro-batches than 1F1B's first stage", () => {
  fc.assert(
    fc.property(SHAPE, ({ numStages, numMicroBatches }) => {
      const orders = zeroBubbleOrders(numStages, numMicroBatches);
      for (const order of orders) {
        expect(new Set(order.map(({ letter, microBatch }) => `${letter}${microBatch}`)).size).toBe(3 * numMicroBatches);
        expect(mostHeld(order, () => 1, "W")).toBeLessThanOrEqual(numStages);
      }
    }),
  );
});

test("with equal parts ZB-H1's bubble is (S - 1)(Tf + Ti - Tw), a third of 1F1B's", () => {
  for (const numStages of [2, 3, 4, 6]) {
    const numMicroBatches = 2 * numStages;
    const orders = zeroBubbleOrders(numStages, numMicroBatches);
    expect(run(orders, numStages, () => 1)).toBe(3 * numMicroBatches + numStages - 1);
  }
});

test("without weight gradients, as for LoRA's frozen base, ZB-H1 is no better than 1F1B", () => {
  const seconds = (letter: string): number => (letter === "W" ? 0 : 1);
  const orders = zeroBubbleOrders(4, 8);
  expect(run(orders, 4, ({ letter }) => seconds(letter))).toBe(2 * (8 + 3));
});

test("no schedule beats its critical path or its busiest device, and slower messages never help", () => {
  const orders = {
    interleaved: interleavedOrders(4, 2, 8),
    "ZB-H1": zeroBubbleOrders(4, 8),
  };
  for (const [name, each] of Object.entries(orders)) {
    const numChunks = name === "interleaved" ? 8 : 4;
    let before = 0;
    for (const hop of [0, 0.25, 0.5, 1, 2]) {
      const makespan = run(each, numChunks, () => 1, hop);
      expect(makespan).toBeGreaterThanOrEqual(2 * numChunks + 2 * (numChunks - 1) * hop);
      expect(makespan).toBeGreaterThanOrEqual(Math.max(...each.map((order) => order.length)));
      expect(makespan).toBeGreaterThanOrEqual(before);
      before = makespan;
    }
  }
});
