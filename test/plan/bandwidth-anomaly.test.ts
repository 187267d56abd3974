import fc from "fast-check";
import { expect, test } from "vitest";
import { actionsOf, type Orders, PLANNED_LETTERS } from "../../plan/index.ts";
import { greedyOrders } from "../../plan/schedules/greedy.ts";
import { pipelineTasks, runTasks } from "../../sim/index.ts";

interface Case {
  /** Seconds of a forward by stage; a backward takes twice as long. */
  readonly forward: readonly number[];
  readonly jobs: number;
  readonly microBatches: number;
  readonly steps: number;
  readonly maxInFlight: number | null;
}

const seconds = ({ forward }: Case, stage: number, letter: string): number =>
  letter === "U" ? 0 : forward[stage]! * (letter === "F" ? 1 : 2);

/** What LoRAPP chooses when every message takes this long. */
function planned(given: Case, hopSeconds: number): Orders {
  let next = 0;
  const miniBatches = Array.from({ length: given.jobs }, (_, group) =>
    Array.from({ length: given.steps }, (_unused, step) => ({
      group,
      step,
      microBatches: Array.from({ length: given.microBatches }, () => next++),
    })),
  );
  const orders = greedyOrders(
    {
      numStages: given.forward.length,
      miniBatches,
      durationNs: (stage, letter) => 1e9 * seconds(given, stage, PLANNED_LETTERS[letter]!),
      transferNs: () => ({ arrival: 1e9 * hopSeconds, occupied: 0 }),
      maxInFlight: given.maxInFlight,
      clips: () => false,
    },
    "B",
  );
  return orders.map((order, stage) => actionsOf(stage, order));
}

function run(given: Case, orders: Orders, hopSeconds: number): number {
  const graph = pipelineTasks({
    orders,
    numStages: given.forward.length,
    deviceOf: (stage) => stage,
    seconds: ({ stage, letter }) => seconds(given, stage, letter),
    message: () => ({ seconds: 0, flows: [], latencySeconds: hopSeconds }),
  });
  return runTasks(graph).makespanNs / 1e9;
}

const HOPS = [0, 0.5, 1, 2, 3];

test("a fixed order is never slower over faster links, whatever it was made for", () => {
  const arbitrary = fc.record({
    forward: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 4 }),
    jobs: fc.integer({ min: 1, max: 4 }),
    microBatches: fc.integer({ min: 1, max: 4 }),
    steps: fc.integer({ min: 1, max: 3 }),
    maxInFlight: fc.constantFrom(null, 4, 6),
  });
  fc.assert(
    fc.property(arbitrary, fc.constantFrom(...HOPS), (given, made) => {
      const orders = planned(given, made);
      const times = HOPS.map((hop) => run(given, orders, hop));
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }),
    { numRuns: 100 },
  );
});

test("with equal stages, planning for faster links never makes a LoRAPP run slower", () => {
  for (const numStages of [2, 3, 4])
    for (const jobs of [1, 2, 3, 4])
      for (const microBatches of [1, 2, 4])
        for (const maxInFlight of [null, numStages, numStages + 2]) {
          const forward = Array.from({ length: numStages }, () => 1);
          const given = { forward, jobs, microBatches, steps: 3, maxInFlight };
          const times = [0, 0.05, 0.1, 0.25, 0.5, 1, 2].map((hop) => run(given, planned(given, hop), hop));
          expect(times).toEqual([...times].sort((a, b) => a - b));
        }
});

test("with unequal stages the greedy rule has Graham's anomaly: faster links, other choices, a slower run", () => {
  const given = { forward: [3, 2, 2], jobs: 2, microBatches: 4, steps: 1, maxInFlight: null };
  expect(run(given, planned(given, 1), 1)).toBe(88);
  expect(run(given, planned(given, 2), 2)).toBe(72);
  // The choices made for slow links are the better ones over fast links, too.
  expect(run(given, planned(given, 2), 1)).toBeLessThanOrEqual(72);
});
