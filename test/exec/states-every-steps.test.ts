import { describe, expect, it } from "vitest";
import { type JobState, listener } from "../../exec/index.ts";
import { runSmall, smallCase } from "./small-run.ts";

const STEPS = 30;
const GIVEN = smallCase([
  { rank: 4, steps: STEPS },
  { rank: 3, steps: STEPS, targets: ["up_proj", "o_proj"] },
]);

type Told = ReadonlyMap<number, JobState>;

describe.each([
  { devices: "cpu:0", pipelines: 1, groups: "unfused" },
  { devices: "cpu:0,cpu:1", pipelines: 1, groups: "unfused" },
  { devices: "cpu:0,cpu:1", pipelines: 1, groups: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 2, groups: "unfused" },
] as const)(
  "states that are wanted every 7 steps, on $pipelines pipelines of $devices in groups: $groups",
  (choice) => {
    it("are those of steps 7, 14, 21 and 28, however much is queued", async () => {
      const told: Told[] = [];
      const { adapters } = await runSmall(GIVEN, {
        ...choice,
        hooks: { statesEverySteps: 7, onEvent: listener({ states: ({ states }) => told.push(states) }) },
      });
      const stepsOf = (job: number): readonly number[] => told.flatMap((states) => states.get(job)?.step ?? []);
      if (choice.pipelines === 1) {
        expect(told.length).toBe(4);
        for (const job of [0, 1]) expect(stepsOf(job)).toEqual([7, 14, 21, 28]);
      } else {
        // Each pipeline has its own pace: whose seventh step comes first, the other is told of at its next one.
        expect(told.length).toBeGreaterThanOrEqual(3);
        expect(Math.max(...[...told[0]!.values()].map(({ step }) => step))).toBe(7);
      }
      const undisturbed = await runSmall(GIVEN, choice);
      expect(adapters).toEqual(undisturbed.adapters);
    }, 30_000);
  },
);

describe("states that are wanted every 7 steps of jobs of unlike lengths", () => {
  it("are those of each seventh step of the fast one, with the slow one's before or behind it", async () => {
    const given = smallCase([
      { rank: 4, steps: 40, batchSize: 2 },
      { rank: 3, steps: 3, batchSize: 24 },
    ]);
    const told: Told[] = [];
    await runSmall(given, {
      devices: "cpu:0",
      groups: "unfused",
      hooks: { statesEverySteps: 7, onEvent: listener({ states: ({ states }) => told.push(states) }) },
    });
    const fast = told.flatMap((states) => states.get(0)?.step ?? []);
    expect(fast[0]).toBe(7);
    const gaps = fast.map((step, at) => step - (fast[at - 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(7);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(7 + 24 / 2);
  });
});

describe("states that are wanted of each step", () => {
  it("come for each of them", async () => {
    const told: Told[] = [];
    await runSmall(GIVEN, {
      devices: "cpu:0,cpu:1",
      groups: 1,
      hooks: { statesEverySteps: 1, onEvent: listener({ states: ({ states }) => told.push(states) }) },
    });
    // At the last step a job has ended: its adapter is what there is of it.
    expect(told.map((states) => states.get(0)?.step ?? STEPS).slice(0, STEPS - 1)).toEqual(
      Array.from({ length: STEPS - 1 }, (_, step) => step + 1),
    );
  });
});
