import { expect, test } from "vitest";
import { sum } from "../../core/index.ts";
import { nativeInfo } from "../../exec/index.ts";
import { createRuntime } from "../../native/index.ts";
import { quantizedMatrixBytes } from "../../plan/costs/quantized-weights.ts";
import type { Architecture } from "../../plan/documents/architecture.ts";
import type { Dtype } from "../../plan/index.ts";
import { adapterBytes, packedDirectionBytes, packedMatrixBytes } from "../../plan/memory/memory-model.ts";
import { isNightly } from "../level.ts";
import { packsAsPlanned, runSmall, SMALL, type SmallRun, smallCase, threads } from "./small-run.ts";

const WIDE: Architecture = {
  ...SMALL,
  hiddenSize: 256,
  intermediateSize: 688,
  numLayers: 4,
  numHeads: 8,
  numKvHeads: 4,
  headDim: 32,
  vocabularySize: 300,
  qkvBias: true,
  tiedEmbeddings: false,
};
const TINY_STORIES: Architecture = {
  ...SMALL,
  hiddenSize: 64,
  intermediateSize: 172,
  numLayers: 5,
  numHeads: 8,
  numKvHeads: 4,
  vocabularySize: 512,
};
const ODD: Architecture = {
  ...SMALL,
  hiddenSize: 100,
  intermediateSize: 203,
  headDim: 20,
  vocabularySize: 301,
};

const RUNS: readonly SmallRun[] = (["cpu:0", "cpu:0,cpu:1"] as const).flatMap((devices) =>
  (["auto", "unfused"] as const).flatMap((groups) =>
    (["float32", "bfloat16", "int8", "nf4"] as const).map((dtype) => ({ devices, groups, dtype })),
  ),
);
const TWO_THREADS: SmallRun = { devices: threads(2) };

const SHAPES = [
  ["odd sizes", ODD],
  ["the TinyStories shape", TINY_STORIES],
  ["hidden 256, 4 layers", WIDE],
] as const;

test.each(isNightly ? SHAPES : SHAPES.slice(0, 2))(
  "planned memory is what the devices hold, part by part: %s",
  { tags: ["slow"] },
  async (_, architecture) => {
    const given = smallCase(
      [
        { rank: 8 },
        { rank: 5, targets: ["q_proj", "k_proj", "o_proj", "gate_proj", "down_proj"] },
        { rank: 3, targets: ["up_proj"], microBatchSize: 4 },
      ],
      architecture,
    );
    for (const run of [...RUNS, TWO_THREADS, { ...TWO_THREADS, dtype: "nf4" } satisfies SmallRun]) {
      const { plan, statistics, trace } = await runSmall(given, run);
      const planned = plan.memory.map((parts) => ({
        weightsBytes: parts.weights,
        adaptersBytes: parts.adapters + parts.optimizer,
        otherAndArena: parts.activations + parts.buffers + parts.workspace,
        peakBytes: parts.total,
      }));
      const measured = statistics.map(({ memory }) => ({
        weightsBytes: memory.weightsBytes,
        adaptersBytes: memory.adaptersBytes,
        otherAndArena: memory.arenaBytes + memory.otherBytes,
        peakBytes: memory.peakBytes,
      }));
      expect(measured.map((row, i) => row.peakBytes <= planned[i]!.peakBytes)).toEqual(planned.map(() => true));
      if (packsAsPlanned(run.dtype)) expect(measured).toEqual(planned);
      // What an adapter takes alone is what one that comes later needs.
      const { architecture } = plan.model;
      const alone = plan.stages.map((stage) =>
        sum(plan.jobs.map((job) => adapterBytes({ architecture, stage, kind: "cpu" }, job))),
      );
      expect(alone).toEqual(planned.map(({ adaptersBytes }) => adaptersBytes));
      const counters = plan.stages.map((stage) =>
        Math.max(
          ...trace.counters
            .filter((sample) => sample.counter === "memory" && sample.device === stage.device)
            .map((sample) => sample.value),
        ),
      );
      expect(counters.map((peak, stage) => peak <= plan.memory[stage]!.total)).toEqual(counters.map(() => true));
      if (packsAsPlanned(run.dtype)) expect(counters).toEqual(plan.memory.map(({ total }) => total));
    }
  },
);

const SIZES = [8, 16, 20, 48, 64, 65, 100, 128, 172, 256, 344, 1000, 4096];

/** Bytes of a weight [out, inFeatures] on a device. */
function loadedBytes(inFeatures: number, out: number, dtype: Dtype, backward: boolean): number {
  using runtime = createRuntime();
  using device = runtime.createDevice({ name: "packing", cores: nativeInfo().cores.slice(0, 1) });
  const data = new Float32Array(out * inFeatures);
  device.loadMatrix({ name: "w", out, in: inFeatures, data, dtype, backward });
  return device.statistics().memory.weightsBytes;
}

test.each(["float32", "bfloat16"] as const)(
  "the planner's size of packed weights is oneDNN's over a table of shapes, in both directions: %s",
  { tags: ["slow"] },
  (dtype) => {
    const wrong: string[] = [];
    for (const inFeatures of SIZES) {
      for (const out of SIZES) {
        for (const [backward, planned] of [
          [false, packedDirectionBytes(inFeatures, out, dtype)],
          [true, packedMatrixBytes(inFeatures, out, dtype)],
        ] as const) {
          const bytes = loadedBytes(inFeatures, out, dtype, backward);
          if (packsAsPlanned(dtype) ? bytes !== planned : bytes > planned)
            wrong.push(`${inFeatures} to ${out}: ${bytes} bytes, planned ${planned}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  },
);

test.each(["int8", "nf4"] as const)("the planner's size of quantized weights is the device's: %s", (dtype) => {
  for (const inFeatures of SIZES) {
    for (const out of SIZES) {
      expect([inFeatures, out, loadedBytes(inFeatures, out, dtype, true)]).toEqual([
        inFeatures,
        out,
        quantizedMatrixBytes(inFeatures, out, dtype),
      ]);
    }
  }
});
