// @module-tag nightly
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { nativeInfo } from "../../exec/index.ts";
import { build, buildTargets } from "../native/cuda-table.ts";
import { canEmulateAmx } from "../native/processor.ts";
import { largestLossError, MIXED_CASE, outcome } from "./run-outcome.ts";
import { runSmall, type SmallRun } from "./small-run.ts";

/** Whole steps on devices whose threads each have tiles, their instructions carried out one by one. */
describe.runIf(canEmulateAmx)("training on the tiles of AMX", () => {
  beforeAll(async () => {
    await buildTargets("loratwin_amx");
    process.env["LORATWIN_ADDON"] = join(build, "loratwin_amx.node");
  }, 600_000);

  test("is told apart", () => expect(nativeInfo().isa).toBe("amx-bf16"));

  test.each<SmallRun>([
    { devices: "cpu:0", groups: 1 },
    { devices: "cpu:0,cpu:1", groups: "unfused" },
  ])("has losses within a hundredth of fp32's, and the same bytes twice, on $devices", async (run) => {
    const half = await runSmall(MIXED_CASE, { ...run, dtype: "bfloat16" });
    expect(largestLossError(half, await runSmall(MIXED_CASE, run))).toBeLessThan(0.01);
    expect(outcome(await runSmall(MIXED_CASE, { ...run, dtype: "bfloat16" }))).toEqual(outcome(half));
  });

  test("holds the memory that was planned", async () => {
    const { plan, statistics } = await runSmall(MIXED_CASE, { devices: "cpu:0,cpu:1", dtype: "bfloat16" });
    expect(statistics.map(({ memory }) => memory.peakBytes)).toEqual(plan.memory.map(({ total }) => total));
  });
});
