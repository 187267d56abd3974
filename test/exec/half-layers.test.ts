import { describe, expect, test } from "vitest";
import { SCHEDULE_TABLE, UNFUSED_PROJECTIONS } from "../../plan/index.ts";
import { someOf } from "../level.ts";
import {
  adapterBytes,
  expectPlannedOperators,
  expectPlannedRoom,
  runSmall,
  SMALL,
  type SmallResult,
  type SmallRun,
  smallCase,
} from "./small-run.ts";

const TWO = "cpu:0,cpu:1";
const architecture = { ...SMALL, numLayers: 4, qkvBias: true };
const CASES = [
  [
    "every projection, dropout",
    smallCase(
      [
        { rank: 8, dropout: 0.2, targets: [...UNFUSED_PROJECTIONS] },
        { rank: 3, dropout: 0.1, microBatchSize: 1 },
      ],
      architecture,
    ),
  ],
  [
    "adapters of one half only",
    smallCase([{ targets: ["o_proj"] }, { targets: ["gate_proj", "down_proj"], spread: 200 }], architecture),
  ],
] as const;

/** Both stages have divided layers, the first ones, the last ones, and stages of two halves. */
const CUTS = someOf([[2], [3], [5], [6]], { quick: 1, all: 2 });
const RECOMPUTED: readonly Pick<SmallRun, "recompute" | "recomputedLayers">[] = [
  {},
  { recomputedLayers: [1, 1] },
  { recompute: "layer" },
];

/** What is trained; sums over stages, as of norms, are in another order on other stages. */
function outcome({ adapters }: SmallResult): readonly string[] {
  return adapters.map(adapterBytes);
}

function expectPlannedMemory({ plan, statistics }: SmallResult): void {
  plan.memory.forEach((planned, stage) => {
    const { memory } = statistics[stage]!;
    expectPlannedRoom(plan, planned, statistics[stage]!);
    // Of jobs one after another the last one's adapter is there at the end; the most that was is in the peak.
    if (SCHEDULE_TABLE[plan.schedule].interleavesGroups)
      expect(memory.adaptersBytes).toBe(planned.adapters + planned.optimizer);
    else expect(memory.adaptersBytes).toBeLessThanOrEqual(planned.adapters + planned.optimizer);
  });
}

/** All layers of each stage. */
function wholly(run: SmallRun, cut: number): SmallRun {
  return { ...run, cuts: [cut], recomputedLayers: [Math.ceil(cut / 2), 4 - Math.floor(cut / 2)] };
}

describe.each(CASES)("stages that share a layer: %s", (_, given) => {
  test.each(CUTS)(
    "train the bytes of one device in float32, in the planned memory, when cut after %i halves",
    async (cut) => {
      const whole = outcome(await runSmall(given, { devices: "cpu:0", groups: 1 }));
      for (const choice of RECOMPUTED) {
        const run: SmallRun = { devices: TWO, groups: 1, cuts: [cut], ...choice };
        const divided = await runSmall(given, choice.recompute === "layer" ? wholly(run, cut) : run);
        expect(outcome(divided)).toEqual(whole);
        expectPlannedMemory(divided);
      }
    },
  );

  test.each(["bfloat16", "nf4"] as const)(
    "train the same bytes with and without recomputation and sharing in %s, in the planned memory",
    async (dtype) => {
      const run: SmallRun = { devices: TWO, cuts: [3], dtype };
      const apart = await runSmall(given, { ...run, groups: "unfused", schedule: "sequential" });
      expectPlannedMemory(apart);
      for (const other of [{ ...run, groups: 1 }, wholly(run, 3), { ...run, recomputedLayers: [1, 2] }]) {
        const result = await runSmall(given, other);
        expect(outcome(result)).toEqual(outcome(apart));
        expectPlannedMemory(result);
      }
    },
  );

  test.each(CUTS)(
    "run the operators that the planner lists, as often as they occur, when cut after %i halves",
    async (cut) => {
      for (const dtype of ["float32", "bfloat16"] as const) {
        const run: SmallRun = { devices: TWO, groups: 1, cuts: [cut], dtype };
        for (const own of [run, { ...run, recomputedLayers: [1, 1] }, wholly(run, cut)]) {
          const { plan, operators } = await runSmall(given, own);
          expectPlannedOperators(plan, operators);
        }
      }
    },
  );
});
