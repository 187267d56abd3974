// @module-tag slow
import { afterEach, beforeEach, expect, test } from "vitest";
import { launchesOf } from "../../plan/memory/graph-room.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { runSmall, SMALL, type SmallJob, smallCase } from "./small-run.ts";

useEmulatedAddon();

/** Graphs wherever they can be, so that their nodes tell how many launches there were. */
beforeEach(() => {
  process.env["LORATWIN_CUDA_GRAPHS"] = "on";
});
afterEach(() => {
  delete process.env["LORATWIN_CUDA_GRAPHS"];
});

test.each([
  { isTied: false, devices: ["cuda:0", "cpu:0"] },
  { isTied: false, devices: ["cuda:0,cuda:1", "cpu:0,cpu:1"] },
  { isTied: true, devices: ["cuda:0", "cpu:0"] },
] as const)(
  "rows of the embedding train on emulated GPUs as on CPUs, and as planned: %o",
  async (how) => {
    const { isTied, devices } = how;
    const jobs: readonly SmallJob[] = [
      { targets: ["q_proj", "down_proj"], trainableTokens: [0, 7, 21, 96], optimizer: { maxGradNorm: 0.5 } },
      { targets: ["o_proj"], trainableTokens: [7] },
      { targets: ["v_proj"] },
    ];
    const given = smallCase(
      // Micro-batches that are alike, so that graphs are kept.
      jobs.map((job) => ({ ...job, batchSize: 2, steps: 8, spread: 1 })),
      { ...SMALL, tiedEmbeddings: isTied, embeddingScale: 3 },
    );
    const [gpu, cpu] = await Promise.all(devices.map((of) => runSmall(given, { devices: of, groups: 1 })));
    gpu!.adapters.forEach((pairs, job) => {
      pairs.forEach(({ a, b }, at) => {
        const other = cpu!.adapters[job]![at]!;
        for (const [own, wanted] of [[a, other.a] as const, [b, other.b] as const])
          expect(Math.max(0, ...own.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThan(1e-4);
      });
    });
    gpu!.statistics.forEach(({ memory, graphs }, stage) => {
      const planned = gpu!.plan.memory[stage]!;
      expect(memory.peakBytes).toBe(planned.total);
      const { F, B } = launchesOf(gpu!.plan, stage);
      expect(graphs.kept).toBeGreaterThan(0);
      expect(graphs.nodes).toBe((graphs.kept / 2) * (F + B));
    });
  },
  300_000,
);
