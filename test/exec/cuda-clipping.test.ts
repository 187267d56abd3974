import { afterEach, expect, test } from "vitest";
import { parseAction } from "../../plan/index.ts";
import { useEmulatedAddon } from "../native/emulated-addon.ts";
import {
  adapterBytes,
  runSmall,
  SMALL,
  type SmallJob,
  type SmallResult,
  type SmallRun,
  smallCase,
} from "./small-run.ts";

useEmulatedAddon();

afterEach(() => {
  delete process.env["LORATWIN_CUDA_GRAPHS"];
});

const BOUND = 2e-4;
/** Two that clip and one that does not, of two micro-batches a step. */
const JOBS: readonly SmallJob[] = [
  { rank: 4, dropout: 0.1, targets: ["q_proj", "o_proj", "down_proj"], optimizer: { maxGradNorm: BOUND, eps: 1e-3 } },
  { rank: 9 },
  { rank: 3, targets: ["up_proj"], optimizer: { maxGradNorm: BOUND, eps: 1e-3 } },
];
const given = smallCase(
  JOBS.map((job) => ({ ...job, steps: 3, batchSize: 2, microBatchSize: 1, length: 9, spread: 1 })),
  { ...SMALL, numLayers: 2 },
);

const updatesOf = ({ plan }: SmallResult): readonly number[] =>
  plan.actions.map((keys) => keys.filter((key) => parseAction(key).letter === "U").length);
const waitsOf = ({ statistics }: SmallResult): readonly number[] => statistics.map(({ hostWaits }) => hostWaits);
const bytesOf = ({ adapters }: SmallResult): readonly string[] => adapters.map(adapterBytes);

async function run(of: SmallRun): Promise<SmallResult> {
  const result = await runSmall(given, { groups: 1, dtype: "bfloat16", ...of });
  const clipped = result.metrics.filter(({ job }) => job !== "job1");
  expect(clipped.length).toBe(6);
  for (const { gradNorm } of clipped) expect(gradNorm).toBeGreaterThan(2 * BOUND);
  return result;
}

test("a stage that is the whole pipeline clips by its own norm, without waiting for the host", {
  tags: ["slow"],
}, async () => {
  const one = await run({ devices: "cuda:0" });
  expect(updatesOf(one)).toEqual([3]);
  expect(waitsOf(one)).toEqual([0]);
});

test("where the norms of two stages come together, each update waits for the host", { tags: ["slow"] }, async () => {
  const two = await run({ devices: "cuda:0,cuda:1" });
  expect(updatesOf(two)).toEqual([3, 3]);
  expect(waitsOf(two)).toEqual([3, 3]);
  expect(waitsOf(await run({ devices: "cpu:0,cuda:0" }))).toEqual([0, 3]);
});

test("an adapter trains the same bytes in graphs, in other company, and in memory that others had", {
  tags: ["slow"],
}, async () => {
  process.env["LORATWIN_CUDA_GRAPHS"] = "off";
  const plain = await run({ devices: "cuda:0", groups: "unfused" });
  process.env["LORATWIN_CUDA_GRAPHS"] = "on";
  const others = [
    await run({ devices: "cuda:0", groups: "unfused" }),
    await run({ devices: "cuda:0", groups: "unfused", jobsAtOnce: 1 }),
    await run({ devices: "cuda:0,cuda:1", groups: "unfused", pipelines: 2 }),
  ];
  expect(others[0]!.statistics[0]!.graphs.launched).toBeGreaterThan(0);
  for (const other of [plain, ...others]) {
    expect(bytesOf(other)).toEqual(bytesOf(plain));
    expect(waitsOf(other).every((count) => count === 0)).toBe(true);
  }
});
