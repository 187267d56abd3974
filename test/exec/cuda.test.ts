import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { build, buildTargets } from "../native/cuda-table.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type CaseRun, planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";
import { adapterBytes } from "./small-run.ts";

beforeAll(async () => {
  await buildTargets("loratwin_emulated");
  process.env["LORATWIN_ADDON"] = join(build, "loratwin_emulated.node");
}, 600_000);

const RUNS: readonly CaseRun[] = [
  { devices: "cuda:0", groups: 1 },
  { devices: "cuda:0,cuda:1", groups: "unfused" },
];

describe.skipIf(!HAS_SHARED)("the PyTorch reference case on emulated GPUs", () => {
  test.each(RUNS)(
    "gives the reference's losses, gradient norms and adapters on $devices, groups $groups",
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
      const again = await runCase(oracle, planCase(oracle, run));
      expect(again.adapters.map(adapterBytes)).toEqual(result.adapters.map(adapterBytes));
    },
    300_000,
  );
});
