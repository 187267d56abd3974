import fc from "fast-check";
import { expect, test } from "vitest";
import { PlanError } from "../../core/index.ts";
import { rendezvousTasks, runTasks, type Task, type TaskGraph } from "../../sim/index.ts";
import { maxMinRates } from "../../sim/network/max-min.ts";

const SECOND = 1e9;

function task(name: string, streams: readonly number[], seconds: number, more: Partial<Task> = {}): Task {
  return { name, streams, seconds, after: [], ...more };
}

test("max-min fairness: the crowded link first, then what is left", () => {
  // Links of 10 and 4; flows over both, the second alone, the first alone.
  expect(maxMinRates([[0, 1], [1], [0]], [10, 4])).toEqual([2, 2, 8]);
  expect(maxMinRates([[], [0]], [6])).toEqual([Number.POSITIVE_INFINITY, 6]);
});

test("flows that share a link slow each other down until one has ended", () => {
  const graph: TaskGraph = {
    tasks: [
      task("a", [0], 0, { flows: [{ route: [0], bytes: 100 }] }),
      task("b", [1], 0, { flows: [{ route: [0], bytes: 300 }] }),
      task("c", [1], 1, { after: [0] }),
    ],
    orders: [[0], [1, 2]],
  };
  // Both at 50 a second to 2 s, then b at 100 to 4 s.
  const { endNs } = runTasks(graph, [100]);
  expect(endNs).toEqual([2 * SECOND, 4 * SECOND, 5 * SECOND]);
});

test("a task takes all of its streams at once, and a latency holds back only who needs the result", () => {
  const graph: TaskGraph = {
    tasks: [
      task("a", [0], 3),
      task("both", [0, 1], 1, { latencySeconds: 5 }),
      task("b", [1], 1),
      task("c", [2], 1, { after: [1] }),
    ],
    orders: [[0, 1], [1, 2], [3]],
  };
  const { startNs, makespanNs } = runTasks(graph);
  expect(startNs.map((ns) => ns / SECOND)).toEqual([0, 3, 4, 9]);
  expect(makespanNs).toBe(10 * SECOND);
});

test("orders that disagree are refused with what each stream waits for", () => {
  const graph: TaskGraph = {
    tasks: [task("a", [0, 1], 1), task("b", [0, 1], 1)],
    orders: [
      [0, 1],
      [1, 0],
    ],
  };
  expect(() => runTasks(graph)).toThrow(PlanError);
  expect(() => runTasks(graph)).toThrow(/stream 0: 0 of 2 ran; a waits for another of its streams/);
});

test("blocking transfers that take no time give 1F1B: (M + S - 1)(Tf + Tb)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 12 }), (numStages, numMicroBatches) => {
      const graph = rendezvousTasks({
        numStages,
        numMicroBatches,
        seconds: (_stage, letter) => (letter === "F" ? 1 : 2),
        transfer: () => ({ seconds: 0, flows: [], latencySeconds: 0 }),
        flushSeconds: () => 0,
      });
      expect(runTasks(graph).makespanNs).toBe(3 * (numMicroBatches + numStages - 1) * SECOND);
    }),
    { numRuns: 40 },
  );
});

test("a rendezvous run is at least its critical path and its busiest stage, and slower links never make it faster", () => {
  const seconds = fc.integer({ min: 1, max: 9 });
  const arbitrary = fc.record({
    numStages: fc.integer({ min: 2, max: 4 }),
    numMicroBatches: fc.integer({ min: 1, max: 6 }),
    forward: fc.array(seconds, { minLength: 4, maxLength: 4 }),
    transfer: fc.integer({ min: 0, max: 5 }),
  });
  const makespan = (
    { numStages, numMicroBatches, forward }: { numStages: number; numMicroBatches: number; forward: number[] },
    transfer: number,
  ) =>
    runTasks(
      rendezvousTasks({
        numStages,
        numMicroBatches,
        seconds: (stage, letter) => forward[stage]! * (letter === "F" ? 1 : 2),
        transfer: () => ({ seconds: 0, flows: [], latencySeconds: transfer }),
        flushSeconds: () => 1,
      }),
    ).makespanNs / SECOND;
  fc.assert(
    fc.property(arbitrary, (given) => {
      const { numStages, numMicroBatches, forward, transfer } = given;
      const used = forward.slice(0, numStages);
      const once = used.reduce((a, b) => a + b, 0) * 3 + 2 * (numStages - 1) * transfer + 1;
      const busiest = Math.max(
        ...used.map((each, stage) => {
          const boundaries = (stage > 0 ? 1 : 0) + (stage < numStages - 1 ? 1 : 0);
          return numMicroBatches * (3 * each + 2 * boundaries * transfer) + 1;
        }),
      );
      const total = makespan(given, transfer);
      expect(total).toBeGreaterThanOrEqual(once);
      expect(total).toBeGreaterThanOrEqual(busiest);
      expect(makespan(given, transfer + 1)).toBeGreaterThanOrEqual(total);
    }),
    { numRuns: 60 },
  );
});
