import fc from "fast-check";
import { expect, test } from "vitest";
import { actionsOf, SCHEDULE_TABLE } from "../../plan/index.ts";
import { pipelineTasks, runTasks } from "../../sim/index.ts";
import { chooseRows, layerCell } from "../../studies/observations/fit-iterations.ts";
import { type Iteration, iterationSeconds } from "../../studies/observations/iteration-model.ts";

const ROW: Iteration = {
  globalBatch: 16,
  microBatch: 2,
  hiddenSize: 1024,
  heads: 16,
  layers: 12,
  sequenceLength: 1024,
  tensorParallel: 1,
  dataParallel: 1,
  pipelineParallel: 2,
  seconds: 1,
};

const SETTING = {
  peaks: { flopsPerSecond: 1e14, bytesPerSecond: 1e12 },
  vocabularySize: 0,
  transferBytesPerSecond: 1e30,
  dataBytesPerSecond: 1e30,
  devicesPerMachine: 8,
  networkBytesPerSecond: 1e30,
};

test("an iteration in closed form is the simulated 1F1B pipeline, where the last stage is the slowest", () => {
  const arbitrary = fc.record({
    stages: fc.constantFrom(1, 2, 3, 4, 6),
    microBatches: fc.integer({ min: 1, max: 12 }),
    layer: fc.integer({ min: 1, max: 9 }),
    head: fc.integer({ min: 0, max: 9 }),
  });
  fc.assert(
    fc.property(arbitrary, ({ stages, microBatches, layer, head }) => {
      const row = { ...ROW, globalBatch: 2 * microBatches, pipelineParallel: stages };
      const closed = iterationSeconds(row, SETTING, { updateBytes: 0 }, { layer, head });
      const seconds = (chunk: number): number => ((12 / stages) * layer + (chunk === stages - 1 ? head : 0)) / 2;
      const orders = SCHEDULE_TABLE["1f1b"].build({
        numStages: stages,
        miniBatches: [[{ group: 0, step: 0, microBatches: Array.from({ length: microBatches }, (_, i) => i) }]],
        durationNs: () => 1,
        transferNs: () => ({ arrival: 0, occupied: 0 }),
        maxInFlight: null,
        clips: () => false,
      });
      const graph = pipelineTasks({
        orders: orders.map((order, stage) => actionsOf(stage, order)),
        numStages: stages,
        deviceOf: (stage) => stage,
        seconds: ({ stage, letter }) => (letter === "U" ? 0 : seconds(stage)),
        message: () => ({ seconds: 0, flows: [], latencySeconds: 0 }),
      });
      expect(runTasks(graph).makespanNs / 1e9).toBeCloseTo(closed, 6);
    }),
  );
});

test("covering rows reach every cell that they can, and the same seed chooses the same rows", () => {
  const rows = [1, 2, 4, 8].flatMap((microBatch) =>
    [1024, 2048].flatMap((hiddenSize) => [12, 24].map((layers) => ({ ...ROW, microBatch, hiddenSize, layers }))),
  );
  const chosen = chooseRows(rows, 8, 3, "covering");
  expect(new Set([...chosen].map((index) => layerCell(rows[index]!))).size).toBe(8);
  expect(chooseRows(rows, 8, 3, "covering")).toEqual(chosen);
  expect(chooseRows(rows, 5, 3, "random").size).toBe(5);
});

test("beyond one machine gradients and messages go at the network's rate", () => {
  const setting = { ...SETTING, vocabularySize: 1000, dataBytesPerSecond: 1e12, networkBytesPerSecond: 1e9 };
  const seconds = (more: Partial<Iteration>): number =>
    iterationSeconds({ ...ROW, ...more }, setting, { updateBytes: 0 }, { layer: 0, head: 0 });
  const parameters = 12 * 12 * 1024 * 1024 + 1000 * 1024;
  expect(seconds({ dataParallel: 8, pipelineParallel: 1 })).toBeCloseTo((2 * 7 * 2 * parameters) / 8 / 1e12, 9);
  expect(seconds({ dataParallel: 16, pipelineParallel: 1 })).toBeCloseTo((2 * 15 * 2 * parameters) / 16 / 1e9, 6);
  const message = 2 * 2 * 1024 * 1024;
  expect(seconds({ tensorParallel: 8, pipelineParallel: 2 })).toBeCloseTo((2 * message) / 1e9, 9);
});
