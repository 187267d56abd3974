import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { adapterBytes, runSmall, SMALL, type SmallRun, smallCase, threads } from "./small-run.ts";

const RUNS: readonly (SmallRun & { readonly name: string })[] = [
  { name: "one device, fused", devices: "cpu:0", groups: 1 },
  { name: "two devices, fused groups", devices: "cpu:0,cpu:1", groups: 2 },
  { name: "two devices, unfused", devices: "cpu:0,cpu:1", groups: "unfused" },
  {
    name: "two threads on one device",
    devices: threads(2),
  },
];

/** Keeps a core busy, so that the streams run at other speeds. */
async function whileBusy<T>(work: () => Promise<T>): Promise<T> {
  const busy = [0, 1].map(() => new Worker("for (;;) Math.sqrt(Math.random());", { eval: true }));
  await Promise.all(busy.map((worker) => new Promise((resolve) => worker.once("online", resolve))));
  try {
    return await work();
  } finally {
    await Promise.all(busy.map((worker) => worker.terminate()));
  }
}

const given = smallCase([
  { rank: 8, dropout: 0.2, targets: ["q_proj", "o_proj", "gate_proj", "down_proj"], steps: 6 },
  { rank: 4, optimizer: { maxGradNorm: 0.1, weightDecay: 0.05 }, steps: 6, microBatchSize: 1 },
  { rank: 3, optimizer: { schedule: { name: "cosine", warmupSteps: 2, minRatio: 0.1 } }, steps: 5, length: 90 },
]);

test.each(RUNS)(
  "the same plan gives the same bytes at any speed of the streams: $name",
  { tags: ["slow"] },
  async (run) => {
    const results = [
      await runSmall(given, run),
      await runSmall(given, run),
      await whileBusy(() => runSmall(given, run)),
    ].map(({ adapters, metrics }) => ({
      adapters: adapters.map(adapterBytes),
      metrics: metrics
        .map(({ seconds: _, ...row }) => row)
        .sort((a, b) => a.job.localeCompare(b.job) || a.step - b.step),
    }));
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  },
);

describe("long micro-batches, which run in windows of rows", () => {
  // Gate and up of 768 features have windows of 682 rows a thread, those of 2048 windows of 256, and sums over so many
  // elements that oneDNN would add up a single row's in another order.
  const longCase = (intermediateSize: number): ReturnType<typeof smallCase> =>
    smallCase(
      [
        { rank: 8, dropout: 0.2, microBatchSize: 4, steps: 2, length: 410, spread: 60 },
        { rank: 4, targets: ["q_proj", "v_proj", "down_proj"], microBatchSize: 4, steps: 2, length: 20 },
        { rank: 20, microBatchSize: 4, steps: 2, length: 190, spread: 10 },
      ],
      { ...SMALL, intermediateSize },
    );

  test.each([
    { dtype: "float32", recompute: "none", intermediateSize: 768 },
    { dtype: "float32", recompute: "layer", intermediateSize: 768 },
    { dtype: "float32", recompute: "none", intermediateSize: 2048 },
    { dtype: "bfloat16", recompute: "none", intermediateSize: 768 },
    { dtype: "bfloat16", recompute: "none", intermediateSize: 2048 },
  ] as const)(
    "give every job the bytes that it gets alone, on one thread and on two: $dtype, recompute $recompute, $intermediateSize",
    async ({ intermediateSize, ...run }) => {
      const long = longCase(intermediateSize);
      const bytes = async (of: SmallRun): Promise<readonly string[]> =>
        (await runSmall(long, { ...run, ...of })).adapters.map(adapterBytes);
      const together = await bytes({ devices: threads(1), groups: 1 });
      expect(await bytes({ devices: threads(2), groups: 1 })).toEqual(together);
      for (const only of [0, 1, 2]) {
        expect(await bytes({ devices: threads(1), groups: 1, only })).toEqual([together[only]]);
      }
    },
  );
});
