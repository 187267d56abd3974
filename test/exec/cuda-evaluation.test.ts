import { expect, test } from "vitest";
import { someOf } from "../level.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { relativeDistance } from "./oracle-case.ts";
import { adapterBytes, runSmall, SMALL, type SmallJob, type SmallRun, smallCase } from "./small-run.ts";

useEmulatedAddon();

const minutes = (count: number) => count * 60_000;

/** Ranks that a GPU pads, and one that it does not. */
function given(steps: number) {
  const jobs: readonly SmallJob[] = [
    { rank: 3, dropout: 0.2, targets: ["q_proj", "down_proj"], evaluation: { everySteps: 1, count: 2 } },
    { rank: 8, targets: ["up_proj"], evaluation: { everySteps: 2, count: 1 } },
  ];
  return smallCase(
    jobs.map((job) => ({ ...job, steps, batchSize: 2, microBatchSize: 1, length: 9, spread: 3 })),
    { ...SMALL, numLayers: 2 },
  );
}

test.each(
  someOf([{ devices: "cuda:0" }, { devices: "cuda:0,cuda:1" }, { devices: "cpu:0,cuda:0" }], { quick: 1, all: 1 }),
)(
  "jobs are evaluated on emulated GPUs as on a CPU device, and keep the same best, on $devices",
  { tags: ["slow"], timeout: minutes(5) },
  async ({ devices }) => {
    const run: SmallRun = { devices, groups: "unfused" };
    const [onGpus, onCpu] = [await runSmall(given(3), run), await runSmall(given(3), { ...run, devices: "cpu:0" })];
    const inOrder = ({ evaluations }: typeof onCpu) =>
      [...evaluations].sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step);
    const [own, other] = [inOrder(onGpus), inOrder(onCpu)];
    expect(own.map(({ job, step, best }) => ({ job, step, best }))).toEqual(
      other.map(({ job, step, best }) => ({ job, step, best })),
    );
    own.forEach(({ evaluationLoss }, i) => {
      expect(Math.abs(evaluationLoss / other[i]!.evaluationLoss - 1)).toBeLessThan(1e-4);
    });
    for (const [job, best] of onGpus.best.entries()) {
      expect(relativeDistance(best!.adapter!, onCpu.best[job]!.adapter!)).toBeLessThan(1e-3);
      // What an update tells is what the device has then.
      const short = await runSmall(given(best!.step + 1), run);
      expect(adapterBytes(best!.adapter!)).toBe(adapterBytes(short.adapters[job]!));
    }
  },
);
