import { expect, test } from "vitest";
import { type JobSample, listener } from "../../exec/index.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import { runSmall, SMALL, type SmallRun, smallCase } from "./small-run.ts";

useEmulatedAddon();

const GIVEN = smallCase(
  [
    { rank: 3, targets: ["q_proj", "down_proj"], sample: { everySteps: 1, lengths: [4, 9], maxTokens: 5 } },
    { rank: 8, targets: ["up_proj"], sample: { everySteps: 2, lengths: [1], maxTokens: 4 } },
  ].map((job) => ({
    ...job,
    targets: job.targets as ["q_proj"],
    batchSize: 2,
    microBatchSize: 1,
    length: 9,
    spread: 3,
  })),
  { ...SMALL, numLayers: 2 },
);

async function samplesOn(run: SmallRun): Promise<readonly JobSample[]> {
  const samples: JobSample[] = [];
  await runSmall(GIVEN, { ...run, hooks: { onEvent: listener({ sampled: ({ sample }) => samples.push(sample) }) } });
  return samples.sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step);
}

test("prompts are answered on an emulated GPU as on a CPU device", {
  tags: ["slow"],
  timeout: 300_000,
}, async () => {
  const onCpu = await samplesOn({ devices: "cpu:0", groups: 1 });
  expect(onCpu.length).toBe(5);
  expect(await samplesOn({ devices: "cuda:0", groups: 1 })).toEqual(onCpu);
});
