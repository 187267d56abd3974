import { describe, expect, test } from "vitest";
import { someOf } from "../level.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type CaseRun, planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";

const RUNS: readonly CaseRun[] = [
  { devices: "cpu:0", groups: 1 },
  { devices: "cpu:0", groups: "unfused" },
  { devices: "cpu:0,cpu:1", groups: 1 },
  { devices: "cpu:0,cpu:1", groups: "unfused" },
  { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "1f1b" },
  { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "gpipe" },
  { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "lorapp-gpipe" },
  { devices: "cpu:0", groups: "unfused", schedule: "sequential" },
  { devices: "cpu:0,cpu:1", groups: 1, cuts: [3] },
  { devices: "cpu:0,cpu:1", groups: "unfused", cuts: [5], recomputedLayers: [3, 1] },
];

describe.skipIf(!HAS_SHARED)("the PyTorch reference case", () => {
  test.each(someOf(RUNS, { quick: 2, all: 3 }))(
    "gives the reference's losses, gradient norms and adapters on $devices, groups $groups, schedule $schedule, cuts $cuts",
    async (run) => {
      const oracle = readOracleCase();
      const result = await runCase(oracle, planCase(oracle, run));
      oracle.jobs.forEach((job, i) => {
        const { history, adapter } = oracle.expected[i]!;
        const steps = result.metrics.filter((row) => row.job === job.name);
        expect(steps.length).toBe(history.length);
        steps.forEach((row, step) => {
          expect(Math.abs(row.loss / history[step]!.loss - 1)).toBeLessThan(1e-4);
          expect(Math.abs(row.gradNorm / history[step]!.grad_norm - 1)).toBeLessThan(1e-3);
          expect(row.tokens).toBe(history[step]!.tokens);
        });
        expect(relativeDistance(result.adapters[i]!, adapter)).toBeLessThan(1e-3);
      });
    },
  );
});
