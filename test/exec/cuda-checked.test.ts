// @module-tag nightly
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { build, buildTargets } from "../native/cuda-table.ts";
import { checkedCase } from "./checked-step.ts";
import { adapterBytes, runSmall } from "./small-run.ts";

// Every load and store of every kernel, through whole training steps.
beforeAll(async () => {
  await buildTargets("loratwin_checked");
  process.env["LORATWIN_ADDON"] = join(build, "loratwin_checked.node");
}, 900_000);

test.each([
  { devices: "cuda:0", dtype: "float32", recompute: "none", groups: 1 },
  { devices: "cuda:0", dtype: "bfloat16", recompute: "layer", groups: 1 },
  { devices: "cuda:0,cuda:1", dtype: "bfloat16", recompute: "none", groups: 1 },
  { devices: "cuda:0,cuda:1", dtype: "nf4", recompute: "none", groups: 1 },
  // Adapters that come and go while others train.
  { devices: "cuda:0,cuda:1", dtype: "bfloat16", recompute: "none", groups: "unfused", jobsAtOnce: 1 },
] as const)(
  "forward, backward and update make no wrong access in any kernel, product or message: %o",
  async (run) => {
    const given = checkedCase(2);
    const { metrics, adapters } = await runSmall(given, run);
    expect(metrics.length).toBe(given.jobs.length * 2);
    expect(metrics.every(({ loss, gradNorm }) => Number.isFinite(loss) && gradNorm > 0)).toBe(true);
    adapters.forEach((adapter, i) => {
      expect(adapterBytes(adapter)).not.toBe(adapterBytes(given.start[i]!));
    });
  },
  180_000,
);
