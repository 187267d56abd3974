import fc from "fast-check";
import { expect, test } from "vitest";
import { jobDefaults, lengthRows, type PlanRequest, type ResolvedLink } from "../../plan/index.ts";
import { createTopology } from "../../sim/index.ts";
import {
  COMPARISON_SCHEDULES,
  type ComparisonSchedule,
  compareStrategies,
  comparisonRun,
  fixedInterconnect,
  jobsNeeds,
  type Platform,
  type StrategyRow,
  simulateJobs,
  topologyInterconnect,
} from "../../studies/index.ts";
import { FIGURES, FREE, GPU, jobsRun, platform, preset, updateSeconds } from "./comparison-jobs.ts";

const ARCHITECTURE = preset("llama-2-7b");
/** Layers alone cost: no head, so that all stages are equal. */
const HEADLESS = { architecture: { ...ARCHITECTURE, vocabularySize: 1 } };
const EQUAL = [Array.from({ length: 8 }, () => 512)];

/** Of one step of one job. */
function stepSeconds(schedule: ComparisonSchedule, options: Parameters<typeof jobsRun>[2] = {}, rows = EQUAL): number {
  const { steps } = simulateJobs(jobsRun(schedule, rows, options));
  return steps[1]!.startNs / 1e9;
}

function request(numJobs: number, more: Partial<PlanRequest> = {}, steps = 1): PlanRequest {
  const data = { lengths: 512, samples: 8 };
  const jobs = Array.from({ length: numJobs }, (_, index) => ({
    ...jobDefaults(),
    name: `job${index}`,
    data,
    batchSize: 8,
    microBatchSize: 2,
    steps,
  }));
  const link = { type: "pcie", shared: false, bandwidthBytesPerSecond: null, latencySeconds: 0 };
  return {
    architecture: ARCHITECTURE,
    dtype: "bfloat16",
    modelDigest: null,
    recompute: "none",
    jobs,
    rows: jobs.map((job) => lengthRows(job, data)),
    devices: platform().devices,
    links: [0, 1, 2].map((index): ResolvedLink => ({ ...link, id: `link${index}` })),
    calibration: FIGURES,
    schedule: "lorapp",
    maxInFlight: "auto",
    groups: "auto",
    ...more,
  };
}

function rowOf(rows: readonly StrategyRow[], strategy: string, recompute = "none"): StrategyRow {
  return rows.find((row) => row.strategy === strategy && row.recompute === recompute)!;
}

test("with free transfers and equal stages the bubbles are the textbook's", { tags: ["slow"] }, () => {
  const headless = { ...HEADLESS, calibration: { ...FIGURES, launchSeconds: 0 }, layersPerStage: [8, 8, 8, 8] };
  const rows = compareStrategies(request(1, headless));
  // N = D = 4: (N + D - 1) / N, and half of the bubble with two chunks.
  expect(1 - rowOf(rows, "1f1b").bubbleRatioTotal).toBeCloseTo(4 / 7, 3);
  expect(1 - rowOf(rows, "gpipe").bubbleRatioTotal).toBeCloseTo(4 / 7, 3);
  expect(1 - rowOf(rows, "interleaved").bubbleRatioTotal).toBeCloseTo(4 / 5.5, 3);
  // Four jobs fill LoRAPP's pipeline but for its ends.
  const full = rowOf(compareStrategies(request(4, headless, 12)), "lorapp");
  expect(full.bubbleRatioTotal).toBeLessThan(0.05);
});

test("ZB-H1 helps full training and does nothing for adapters, whose base has no weight gradients", () => {
  // 1F1B's step is that of one micro-batch on all layers, N + D - 1 times a stage's share: here 7 / 4.
  const whole = (full: boolean) => {
    const parameters = ARCHITECTURE.numLayers * (full ? 202_375_168 : 2 * 16 * (4096 + 4096));
    const options = { platform: platform(1), model: { ...HEADLESS, full } };
    const passes = stepSeconds("zb-h1", options, [[512, 512]]) - updateSeconds(parameters);
    return (7 / 4) * passes + updateSeconds(parameters / 4);
  };
  const seconds = (full: boolean) => stepSeconds("zb-h1", { model: { ...HEADLESS, full } });
  expect(seconds(false)).toBeCloseTo(whole(false), 5);
  expect(seconds(true)).toBeLessThan(0.92 * whole(true));
});

test("no strategy is faster than its arithmetic at the whole machine's rate", () => {
  const tokens = 6 * 8 * 512;
  const layers = ARCHITECTURE.numLayers * 2 * 2 * 202_375_168 * tokens;
  const least = layers / (4 * 100e12 * 0.5);
  for (const row of compareStrategies(request(6))) expect(row.makespanSeconds).toBeGreaterThan(least);
});

test("what does not fit is said, with what it would need: a full replica of fp32 state, and the same base in 4 bits that fits", {
  tags: ["slow"],
}, () => {
  const devices = request(4).devices.map((device) => ({ ...device, memoryBytes: 24 * 2 ** 30 }));
  const rowsOf = (more: Partial<PlanRequest>, full = false) =>
    compareStrategies(request(4, { devices, ...more }), { full });
  const replica = rowOf(rowsOf({}, true), "ddp");
  expect(replica.fits).toBe(false);
  expect(replica.peakMemoryBytes).toBeGreaterThan(24 * 2 ** 30);
  expect(rowOf(rowsOf({ dtype: "float32" }), "ddp").fits).toBe(false);
  expect(rowOf(rowsOf({ dtype: "nf4" }), "ddp", "layer").fits).toBe(true);
  expect(rowOf(rowsOf({}), "lorapp").fits).toBe(true);
  const tiny = compareStrategies(
    request(4, { devices: devices.map((device) => ({ ...device, memoryBytes: 2 ** 30 })) }),
  );
  for (const row of tiny)
    expect([row.strategy, row.fits, row.peakMemoryBytes > 2 ** 30]).toEqual([row.strategy, false, true]);
});

test("recomputation costs a forward more and needs less memory", () => {
  const rows = compareStrategies(request(4));
  for (const row of rows.filter(({ recompute, strategy }) => recompute === "layer" && strategy !== "fsdp")) {
    const kept = rows.find(
      ({ strategy, pipelines, recompute }) =>
        strategy === row.strategy && pipelines === row.pipelines && recompute === "none",
    )!;
    expect(row.makespanSeconds / kept.makespanSeconds).toBeGreaterThan(1.3);
    expect(row.makespanSeconds / kept.makespanSeconds).toBeLessThan(1.6);
    expect(row.peakMemoryBytes).toBeLessThan(kept.peakMemoryBytes);
  }
});

test("recomputation that is left open is that of all layers where memory needs it, and none elsewhere", () => {
  const [kept, again] = (["none", "layer"] as const).map((recompute) =>
    comparisonRun(request(1, { recompute }), { schedule: "ddp" }),
  );
  const memoryBytes = Math.round((jobsNeeds(kept!)[0]!.total + jobsNeeds(again!)[0]!.total) / 2);
  const open = (bytes: number) => {
    const devices = request(1).devices.map((device) => ({ ...device, memoryBytes: bytes }));
    return comparisonRun(request(1, { recompute: "auto", devices }), { schedule: "ddp" }).model.recompute;
  };
  expect([open(memoryBytes), open(80e9)]).toEqual(["layer", "none"]);
});

test("full training has no plan: only the strategies that are simulated by themselves", () => {
  const rows = compareStrategies(request(2), { full: true });
  expect([...new Set(rows.map(({ strategy }) => strategy))].sort()).toEqual([...COMPARISON_SCHEDULES].sort());
});

test("slower links never make a step faster, over fixed rates and over a topology", () => {
  const fixed = (rate: number) =>
    fixedInterconnect({ numDevices: 4, hopBytesPerSecond: rate, ringBytesPerSecond: rate, hopSeconds: 1e-4 });
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
        const at: Platform = platform(4, { interconnect: isFixed ? fixed(rate) : topology(rate) });
        return COMPARISON_SCHEDULES.map((schedule) =>
          stepSeconds(schedule, { platform: at, model: { full: schedule === "ddp" } }),
        );
      });
      times[0]!.forEach((slow, index) => {
        expect(slow).toBeGreaterThanOrEqual(times[1]![index]! - 1e-9);
      });
    }),
    { numRuns: 20, seed: 16 },
  );
});

test("FSDP with prefetch takes the larger of gathering and computing, not their sum", () => {
  const seconds = (ringBytesPerSecond: number): number =>
    stepSeconds("fsdp", {
      platform: platform(4, { interconnect: fixedInterconnect({ numDevices: 4, ...FREE, ringBytesPerSecond }) }),
    });
  const computing = seconds(1e18);
  const gathered = 2 * 32 * 0.75 * 202_375_168 * 2;
  const ring = gathered / (10 * computing);
  expect(seconds(ring)).toBeGreaterThanOrEqual(gathered / ring - 1e-6);
  expect(seconds(ring)).toBeLessThan(gathered / ring + 0.3 * computing);
  expect(seconds(gathered / (0.5 * computing))).toBeLessThan(1.05 * computing);
});

test("the memory of a device is the plan's where both have it: one GPU with everything", () => {
  const alone = request(1, { devices: [GPU], links: [] });
  const [plan, replica] = ["1f1b", "ddp"].map((strategy) => rowOf(compareStrategies(alone), strategy));
  const [ofPlan, ofReplica] = [plan!.peakMemoryBytes, replica!.peakMemoryBytes];
  // 1F1B holds a micro-batch of 2 rows at a time, a replica all 8.
  expect(ofReplica).toBeGreaterThan(ofPlan);
  const whole = request(1, {
    devices: [GPU],
    links: [],
    jobs: alone.jobs.map((job) => ({ ...job, microBatchSize: 8 })),
  });
  const rows = compareStrategies(whole);
  expect(Math.abs(rowOf(rows, "ddp").peakMemoryBytes / rowOf(rows, "1f1b").peakMemoryBytes - 1)).toBeLessThan(1e-3);
});
