import fc from "fast-check";
import { expect, test } from "vitest";
import { architectureFromConfig, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { createTopology } from "../../sim/index.ts";
import {
  compareStrategies,
  fixedInterconnect,
  loraParameters,
  type Platform,
  type Training,
  topologyInterconnect,
} from "../../studies/index.ts";
import { totalBytes } from "../../studies/strategies/memory.ts";
import { pipelineStep } from "../../studies/strategies/pipeline.ts";
import { shardedStep } from "../../studies/strategies/sharded.ts";
import { singleJobStep } from "../../studies/strategies/single-job.ts";
import { tensorParallelStep } from "../../studies/strategies/tensor-parallel.ts";

const arch = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["llama-2-7b"]!));

const TRAINING: Training = {
  arch,
  sequences: 8,
  sequenceLength: 512,
  microBatches: 4,
  activationBytes: 2,
  weightBytes: 2,
  full: false,
  recompute: false,
  adapterParameters: loraParameters(arch, 16, ["q_proj", "v_proj"]),
};

const FREE = { numDevices: 4, hopSeconds: 0, hopBytesPerSecond: 1e18, ringBytesPerSecond: 1e18 };

/** Layers alone cost: no head, so that all stages are equal. */
function platform(more: Partial<Platform> = {}): Platform {
  return {
    numDevices: 4,
    peaks: { flopsPerSecond: 100e12, bytesPerSecond: 1e12 },
    memoryBytes: 80e9,
    efficiency: { computeEfficiency: 0.5, activationBytes: 15, scoreBytes: 0, launchSeconds: 2e-4 },
    headBytes: 0,
    interconnect: fixedInterconnect(FREE),
    contextBytes: 0,
    allocatorFactor: 1,
    ...more,
  };
}

const HEADLESS: Training = { ...TRAINING, arch: { ...arch, vocabularySize: 1 } };

test("with free transfers and equal stages the bubbles are the textbook's", () => {
  const { seconds: oneFOneB } = singleJobStep(platform(), HEADLESS, "1f1b")!;
  const { seconds: interleaved } = singleJobStep(platform(), HEADLESS, "interleaved")!;
  const { secondsPerJobStep: full } = pipelineStep(platform(), HEADLESS, { schedule: "lorapp", groups: [1, 1, 1, 1] });
  // N = D = 4: (N + D - 1) / N, half of the bubble with two chunks, and none with LoRAPP.
  expect(oneFOneB / full).toBeCloseTo(7 / 4, 3);
  expect(interleaved / full).toBeCloseTo(5.5 / 4, 3);
  expect(singleJobStep(platform(), HEADLESS, "gpipe")!.seconds).toBeCloseTo(oneFOneB, 6);
});

test("ZB-H1 helps full training and does nothing for adapters, whose base has no weight gradients", () => {
  const seconds = (schedule: "1f1b" | "zb-h1", full: boolean): number =>
    singleJobStep(platform(), { ...HEADLESS, full }, schedule)!.seconds;
  expect(seconds("zb-h1", false)).toBeCloseTo(seconds("1f1b", false), 6);
  expect(seconds("zb-h1", true)).toBeLessThan(0.92 * seconds("1f1b", true));
});

test("no strategy is faster than its arithmetic at the whole machine's rate", () => {
  const tokens = TRAINING.sequences * TRAINING.sequenceLength;
  const layers = arch.numLayers * 2 * 2 * 202_375_168 * tokens;
  const least = layers / (4 * 100e12 * 0.5);
  for (const row of compareStrategies(platform(), TRAINING, 6)) expect(row.secondsPerJobStep).toBeGreaterThan(least);
});

test("what does not fit is said: a full replica of fp32 state, and the same base in 4 bits that does", () => {
  const small = platform({ memoryBytes: 24 * 2 ** 30 });
  const fits = (training: Training, strategy: string): boolean =>
    compareStrategies(small, training, 4).find((row) => row.strategy === strategy && !row.recompute)!.fits;
  expect(fits({ ...TRAINING, full: true }, "ddp")).toBe(false);
  expect(fits({ ...TRAINING, weightBytes: 4, activationBytes: 4 }, "ddp")).toBe(false);
  expect(fits({ ...TRAINING, weightBytes: 0.5 }, "ddp")).toBe(true);
  expect(fits(TRAINING, "lorapp")).toBe(true);
});

test("recomputation costs a forward more and needs less memory", () => {
  const rows = compareStrategies(platform(), TRAINING, 4);
  for (const row of rows.filter(({ recompute, strategy }) => recompute && strategy !== "fsdp")) {
    const kept = rows.find(({ strategy, recompute }) => strategy === row.strategy && !recompute)!;
    expect(row.secondsPerJobStep / kept.secondsPerJobStep).toBeGreaterThan(1.35);
    expect(row.secondsPerJobStep / kept.secondsPerJobStep).toBeLessThan(1.6);
    expect(row.peakBytes).toBeLessThan(kept.peakBytes);
  }
});

test("LoRAPP admits only as many micro-batches as memory holds, and waits where it has to", () => {
  const run = (memoryBytes: number) => {
    const at = platform({ memoryBytes });
    const result = pipelineStep(at, TRAINING, { schedule: "lorapp", groups: [1, 1, 1, 1] });
    return { ...result, bytes: totalBytes(at, result.memory) };
  };
  const roomy = run(80e9);
  expect(roomy.maxInFlight).toBeNull();
  let limit = Number.POSITIVE_INFINITY;
  for (const share of [0.95, 0.8, 0.7]) {
    const tight = run(share * roomy.bytes);
    expect(tight.bytes).toBeLessThanOrEqual(share * roomy.bytes);
    expect(tight.maxInFlight).toBeLessThan(limit);
    expect(tight.secondsPerJobStep).toBeGreaterThanOrEqual(roomy.secondsPerJobStep * (1 - 1e-9));
    limit = tight.maxInFlight!;
  }
  // Below one micro-batch nothing helps, and what would be needed is said.
  expect(run(0.1 * roomy.bytes).bytes).toBeGreaterThan(0.1 * roomy.bytes);
});

test("slower links never make a step faster, over fixed rates and over a topology", () => {
  const fixed = (rate: number) =>
    fixedInterconnect({ ...FREE, hopBytesPerSecond: rate, ringBytesPerSecond: rate, hopSeconds: 1e-4 });
  const topology = (rate: number) =>
    topologyInterconnect(
      createTopology([
        {
          numDevices: 4,
          devicesPerSwitch: 2,
          slotBytesPerSecond: rate,
          uplinkBytesPerSecond: rate,
          bridgeBytesPerSecond: rate,
          peerAccess: true,
          fabricBytesPerSecond: null,
          networkBytesPerSecond: rate,
          deviceLatencySeconds: 1e-5,
          networkLatencySeconds: 1e-5,
          messageSeconds: 1e-5,
        },
      ]),
    );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.boolean(), (gigabytes, isFixed) => {
      const times = [gigabytes * 1e9, gigabytes * 2e9].map((rate) => {
        const at = platform({ interconnect: isFixed ? fixed(rate) : topology(rate) });
        return [
          singleJobStep(at, TRAINING, "1f1b")!.seconds,
          singleJobStep(at, TRAINING, "interleaved")!.seconds,
          tensorParallelStep(at, TRAINING),
          shardedStep(at, TRAINING, { strategy: "fsdp", prefetch: 1 }),
          shardedStep(at, { ...TRAINING, full: true }, { strategy: "ddp", prefetch: 1 }),
        ];
      });
      times[0]!.forEach((slow, index) => {
        expect(slow).toBeGreaterThanOrEqual(times[1]![index]! - 1e-9);
      });
    }),
    { numRuns: 20 },
  );
});

test("FSDP with prefetch takes the larger of gathering and computing, not their sum", () => {
  const seconds = (ring: number): number =>
    shardedStep(platform({ interconnect: fixedInterconnect({ ...FREE, ringBytesPerSecond: ring }) }), TRAINING, {
      strategy: "fsdp",
      prefetch: 1,
    });
  const computing = seconds(1e18);
  const gathered = 2 * 32 * 0.75 * 202_375_168 * 2;
  const ring = gathered / (10 * computing);
  expect(seconds(ring)).toBeGreaterThanOrEqual(gathered / ring - 1e-6);
  expect(seconds(ring)).toBeLessThan(gathered / ring + 0.3 * computing);
  expect(seconds(gathered / (0.5 * computing))).toBeLessThan(1.05 * computing);
});
