import { expect, test } from "vitest";
import {
  COMPARISON_SCHEDULES,
  type ComparisonSchedule,
  drawJobs,
  fixedInterconnect,
  type JobsRun,
  jobsNeeds,
  jobsTrace,
  requireJobs,
  simulateJobs,
} from "../../studies/index.ts";
import { layerWeightBytes } from "../../studies/strategies/device-needs.ts";
import { parseTraceDocument, type TraceEvent, traceDocument, traceTotals } from "../../traces/index.ts";
import { FIGURES, jobsRun, platform, preset, sharedNetwork, updateSeconds } from "./comparison-jobs.ts";

const arch = preset("tinyllama-1.1b");

const PLATFORM = platform(4, {
  figures: { ...FIGURES, scoreBytes: 10, headBytes: 50 },
  interconnect: sharedNetwork(4),
  program: { contextBytes: 1e8, allocatorFactor: 1.1 },
});

function runOf(
  schedule: ComparisonSchedule,
  steps: readonly (readonly number[])[],
  more: Parameters<typeof jobsRun>[2] = {},
): JobsRun {
  return jobsRun(schedule, steps, { platform: PLATFORM, ...more, model: { architecture: arch, ...more.model } });
}

const EQUAL = Array.from({ length: 6 }, () => Array.from({ length: 8 }, () => 512));
const UNEQUAL = Array.from({ length: 6 }, (_, step) =>
  Array.from({ length: 8 }, (_unused, row) => 40 + ((37 * (8 * step + row)) % 400)),
);
const FACTS = { calibrationHash: "", versions: {} };

function compute(events: readonly TraceEvent[]): readonly TraceEvent[] {
  return events.filter(({ stream }) => stream === "compute");
}

test.each(COMPARISON_SCHEDULES)(
  "%s: the trace is a whole document, and says of the run what the metrics say",
  (schedule) => {
    const run = runOf(schedule, UNEQUAL);
    const simulated = simulateJobs(run);
    const { trace, numSteps } = jobsTrace(run, simulated, FACTS);
    expect(numSteps).toBe(12);
    const read = parseTraceDocument(JSON.parse(JSON.stringify(traceDocument(trace))), { file: "t.json" });
    expect(read.events).toHaveLength(trace.events.length);
    const totals = traceTotals(read, [{ firstStage: 0, firstJob: "a" }]);
    const { makespanSeconds, tokens, bubbleRatio, bubbleRatioTotal, devices } = simulated.metrics;
    expect(totals.makespanSeconds).toBeCloseTo(makespanSeconds, 9);
    expect(totals.tokens).toBe(tokens);
    expect(totals.bubbleRatioTotal).toBeCloseTo(bubbleRatioTotal, 9);
    expect(Math.abs(totals.bubbleRatio! - bubbleRatio!)).toBeLessThan(0.02);
    totals.devices.forEach((device, index) => {
      expect(device.busySeconds).toBeCloseTo(devices[index]!.busySeconds, 9);
      expect(device.peakMemoryBytes).toBeLessThanOrEqual(devices[index]!.peakMemoryBytes);
      expect(device.peakMemoryBytes).toBeGreaterThan(0.5 * devices[index]!.peakMemoryBytes);
    });
    // All activations are let go at the end of a step.
    const lastSamples = trace.devices.map((_, device) => read.counters.filter((sample) => sample.device === device));
    for (const samples of lastSamples)
      expect(samples.at(-1)!.value).toBeLessThan(Math.max(...samples.map(({ value }) => value)));
  },
);

test("tensor parallelism: every device computes every layer of every micro-batch, and an all-reduce follows each", () => {
  const run = runOf("tp", UNEQUAL);
  const { trace } = jobsTrace(run, simulateJobs(run), { ...FACTS, maxSteps: 1 });
  const { numLayers } = arch;
  for (const device of [0, 1, 2, 3]) {
    const own = trace.events.filter((event) => event.device === device);
    const letters = compute(own).map(({ letter }) => letter);
    // Layers and the head, forward and backward, and one update.
    expect(letters.filter((letter) => letter === "F")).toHaveLength(numLayers + 1);
    expect(letters.filter((letter) => letter === "B")).toHaveLength(numLayers + 1);
    expect(letters.filter((letter) => letter === "U")).toHaveLength(1);
    expect(own.filter(({ collective, stream }) => collective === "all-reduce" && stream === "send")).toHaveLength(
      2 * numLayers,
    );
  }
});

test("FSDP gathers layers while others compute, at most one ahead, and adds gradients up by reduce-scatter in full training", () => {
  const run = runOf("fsdp", UNEQUAL, { model: { full: true } });
  const { trace } = jobsTrace(run, simulateJobs(run), { ...FACTS, maxSteps: 1 });
  const own = trace.events.filter(({ device }) => device === 0);
  const end = ({ startNs, durationNs }: TraceEvent): number => startNs + durationNs;
  const gathers = own.filter(({ collective, stream }) => collective === "all-gather" && stream === "receive");
  expect(gathers).toHaveLength(2 * arch.numLayers);
  const passes = compute(own).filter(({ letter, stage }) => letter !== "U" && stage < arch.numLayers);
  expect(passes).toHaveLength(2 * arch.numLayers);
  passes.forEach((pass, index) => {
    expect(pass.startNs).toBeGreaterThanOrEqual(end(gathers[index]!));
    // The gather after the next one has to wait until this layer's memory is free.
    const later = gathers[index + 2];
    if (later !== undefined) expect(later.startNs).toBeGreaterThanOrEqual(end(pass));
  });
  expect(gathers.slice(1).some((gather, index) => gather.startNs < end(passes[index]!))).toBe(true);
  const sums = own.filter(({ collective, stream }) => collective === "reduce-scatter" && stream === "send");
  expect(sums).toHaveLength(arch.numLayers);
});

test("each layer that FSDP gathers ahead takes the memory of a layer", () => {
  const layerBytes = layerWeightBytes(PLATFORM, { ...runOf("fsdp", EQUAL).model, ...runOf("fsdp", EQUAL).jobs[0]! });
  const weights = [0, 1, 2].map(
    (prefetch) => jobsNeeds(runOf("fsdp", EQUAL, { options: { overlap: true, prefetch } }))[0]!.weights,
  );
  expect(weights[1]! - weights[0]!).toBeCloseTo(layerBytes, 0);
  expect(weights[2]! - weights[1]!).toBeCloseTo(layerBytes, 0);
});

test("without overlap nothing computes while a message or a collective is on its way", { tags: ["slow"] }, () => {
  for (const schedule of COMPARISON_SCHEDULES) {
    const run = runOf(schedule, UNEQUAL, { options: { overlap: false, prefetch: 1 } });
    const simulated = simulateJobs(run);
    const { trace } = jobsTrace(run, simulated, { ...FACTS, maxSteps: 2 });
    for (const device of [0, 1, 2, 3]) {
      const own = trace.events.filter((event) => event.device === device && event.durationNs > 0);
      const transfers = own.filter(({ stream }) => stream !== "compute");
      for (const { startNs, durationNs } of compute(own))
        for (const other of transfers)
          expect(
            Math.min(startNs + durationNs, other.startNs + other.durationNs) - Math.max(startNs, other.startNs),
          ).toBeLessThanOrEqual(0);
    }
    const overlapped = simulateJobs(runOf(schedule, UNEQUAL)).metrics.makespanSeconds;
    expect(simulated.metrics.makespanSeconds).toBeGreaterThanOrEqual(overlapped - 1e-9);
  }
});

test("jobs follow each other, and a device with shorter rows waits for the others in DDP", () => {
  const run = runOf("ddp", [[500, 500, 10, 10, 10, 10, 10, 10]]);
  const { metrics } = simulateJobs(run);
  const [first, second] = metrics.jobs;
  expect(second!.startSeconds).toBeCloseTo(first!.endSeconds, 9);
  expect(second!.waitSeconds).toBe(second!.startSeconds);
  expect(metrics.devices[1]!.idleSeconds).toBeGreaterThan(metrics.devices[0]!.idleSeconds);
});

test("micro-batches one after another need less memory and more time than a mini-batch at once", () => {
  for (const schedule of ["tp", "fsdp", "ddp"] as const) {
    const whole = runOf(schedule, EQUAL);
    const cut = { ...whole, jobs: whole.jobs.map((job) => ({ ...job, cut: { microBatchSize: 1 } })) };
    const [one, two] = [simulateJobs(whole).metrics, simulateJobs(cut).metrics];
    expect(two.makespanSeconds).toBeGreaterThan(one.makespanSeconds);
    expect(two.devices[0]!.peakMemoryBytes).toBeLessThan(one.devices[0]!.peakMemoryBytes);
    expect(two.tokens).toBe(one.tokens);
  }
});

test("ten thousand equal steps are one step ten thousand times, to the nanosecond", () => {
  const [step] = EQUAL;
  const few = simulateJobs(runOf("fsdp", [step!, step!]));
  const run = runOf(
    "fsdp",
    Array.from({ length: 10_000 }, () => step!),
  );
  const { steps } = simulateJobs(run);
  expect(steps).toHaveLength(20_000);
  expect(steps.at(-1)!.startNs).toBe(19_999 * few.steps[1]!.startNs);
});

test("interleaved wants micro-batches that are a multiple of the devices, and shares of DDP whole rows", () => {
  expect(() => requireJobs(runOf("interleaved", [[9, 9, 9, 9, 9, 9]]))).toThrow(
    /micro-batches that are a multiple of 4 devices/,
  );
  expect(() => requireJobs(runOf("ddp", [[9, 9, 9, 9, 9, 9]]))).toThrow(
    /batchSize that is a multiple of 4 devices for ddp/,
  );
});

test("a stage's step without overlap takes its two messages in and out and its two passes", () => {
  // Equal stages (no head), messages of C, shorter than a forward: the middle stage of three, for each micro-batch
  // more.
  const model = { architecture: { ...arch, vocabularySize: 1, numLayers: 24 } };
  const transfer = 3e-3;
  const free = { hopBytesPerSecond: 1e18, ringBytesPerSecond: 1e18 };
  const three = platform(3, { interconnect: fixedInterconnect({ numDevices: 3, hopSeconds: transfer, ...free }) });
  const seconds = (on: typeof three, microBatches: number, numLayers = 24): number => {
    const rows = Array.from({ length: 2 * microBatches }, () => 512);
    const run = jobsRun("zb-h1", [rows], {
      platform: on,
      model: { architecture: { ...model.architecture, numLayers } },
      options: { overlap: false, prefetch: 1 },
    });
    return simulateJobs(run).steps[1]!.startNs / 1e9;
  };
  // Rank 16 on q and v of 8 layers.
  const passes = seconds(platform(1), 1, 8) - updateSeconds(8 * 16 * (2048 + 2048 + 2048 + 256));
  expect((seconds(three, 80) - seconds(three, 40)) / 40).toBeCloseTo(passes + 4 * transfer, 5);
});

test.each(COMPARISON_SCHEDULES)("%s: runs drawn with factors take as much longer as what is off", (schedule) => {
  for (const overlap of [true, false]) {
    const run = runOf(schedule, UNEQUAL, { options: { overlap, prefetch: 1 } });
    const { makespanSeconds, bubbleRatioTotal, jobs } = simulateJobs(run).metrics;
    const factors = (F: number, B: number, U: number, links: number) => ({ actions: { F, B, U }, links });
    const [one, twice, ...parts] = drawJobs(run, [
      factors(1, 1, 1, 1),
      factors(2, 2, 2, 2),
      factors(2, 1, 1, 1),
      factors(1, 2, 1, 1),
      factors(1, 1, 2, 1),
      factors(1, 1, 1, 2),
    ]);
    expect(one!.makespanSeconds).toBe(makespanSeconds);
    expect(one!.turnaroundSeconds).toEqual(jobs.map(({ turnaroundSeconds }) => turnaroundSeconds));
    expect(twice!.makespanSeconds / makespanSeconds).toBeCloseTo(2, 5);
    expect(twice!.bubbleRatioTotal).toBeCloseTo(bubbleRatioTotal, 5);
    for (const part of parts) {
      expect(part.makespanSeconds).toBeGreaterThan(makespanSeconds);
      expect(part.makespanSeconds).toBeLessThan(2 * makespanSeconds);
    }
  }
});
