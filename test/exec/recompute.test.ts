import { describe, expect, test } from "vitest";
import { someOf } from "../level.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";
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

const MODES: readonly Pick<SmallRun, "recompute" | "recomputedLayers" | "dtype">[] = [
  { recompute: "none", dtype: "float32" },
  { recompute: "layer", dtype: "float32" },
  { recomputedLayers: [1, 1], dtype: "float32" },
  { recompute: "none", dtype: "bfloat16" },
  { recompute: "layer", dtype: "bfloat16" },
  { recomputedLayers: [1, 0], dtype: "bfloat16" },
];
const DEVICES = ["cpu:0", "cpu:0,cpu:1"] as const;
const CASES = [
  [
    "every projection, dropout",
    smallCase([
      { rank: 8, dropout: 0.2, targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] },
      { rank: 3, dropout: 0.1, microBatchSize: 1, optimizer: { maxGradNorm: 0.1 } },
    ]),
  ],
  [
    "few projections, biases",
    smallCase([{ targets: ["v_proj"] }, { targets: ["up_proj"] }], { ...SMALL, qkvBias: true }),
  ],
  ["o and down", smallCase([{ targets: ["o_proj", "down_proj"] }])],
] as const;

/** Everything that a run trains and reports, but times. */
function outcome({ adapters, metrics }: SmallResult) {
  return {
    adapters: adapters.map(adapterBytes),
    metrics: metrics.map(({ seconds: _, ...row }) => row).sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step),
  };
}

describe.each(CASES)("recomputation of layers: %s", (_, given) => {
  test.each(DEVICES)("trains the same bytes in less memory on %s, as planned to the byte", async (devices) => {
    const [kept, recomputed] = [
      await runSmall(given, { devices, groups: 1 }),
      await runSmall(given, { devices, groups: 1, recompute: "layer" }),
    ];
    expect(outcome(recomputed)).toEqual(outcome(kept));
    recomputed.plan.memory.forEach((planned, stage) => {
      expectPlannedRoom(recomputed.plan, planned, recomputed.statistics[stage]!);
      expect(planned.activations).toBeLessThan(kept.plan.memory[stage]!.activations / 2);
    });
  });

  test("of some layers trains the same bytes too, in memory between, as planned to the byte", async () => {
    const devices = "cpu:0,cpu:1";
    const kept = await runSmall(given, { devices, groups: 1 });
    const all = await runSmall(given, { devices, groups: 1, recompute: "layer" });
    const lengths = kept.plan.stages.map(({ firstLayer, endLayer }) => endLayer - firstLayer);
    for (const recomputedLayers of [lengths.map((length) => length - 1), [0, lengths[1]!], [1, 0]]) {
      const some = await runSmall(given, { devices, groups: 1, recomputedLayers });
      expect(outcome(some)).toEqual(outcome(kept));
      some.plan.memory.forEach((planned, stage) => {
        expectPlannedRoom(some.plan, planned, some.statistics[stage]!);
        const bounds = [all, kept].map(({ plan }) => plan.memory[stage]!.activations);
        expect(planned.activations).toBeGreaterThanOrEqual(bounds[0]!);
        expect(planned.activations).toBeLessThanOrEqual(bounds[1]!);
      });
    }
  });

  test.each(DEVICES)(
    "the planner lists the operators of each program, as often as they occur, on %s",
    async (devices) => {
      for (const mode of MODES) {
        const { plan, operators } = await runSmall(given, { devices, groups: 1, ...mode });
        expectPlannedOperators(plan, operators);
      }
    },
  );
});

describe.skipIf(!HAS_SHARED)("the PyTorch reference case with recomputation", () => {
  test.each(someOf(DEVICES, { quick: 1, all: 1 }))(
    "gives the reference's losses and adapters on %s",
    { tags: ["slow"] },
    async (devices) => {
      const oracle = readOracleCase();
      const result = await runCase(oracle, planCase(oracle, { devices, groups: 1, recompute: "layer" }));
      oracle.jobs.forEach((job, i) => {
        const { history, adapter } = oracle.expected[i]!;
        const steps = result.metrics.filter((row) => row.job === job.name);
        steps.forEach((row, step) => {
          expect(Math.abs(row.loss / history[step]!.loss - 1)).toBeLessThan(1e-4);
          expect(Math.abs(row.gradNorm / history[step]!.grad_norm - 1)).toBeLessThan(1e-3);
        });
        expect(steps.length).toBe(history.length);
        expect(relativeDistance(result.adapters[i]!, adapter)).toBeLessThan(1e-3);
      });
    },
  );
});
