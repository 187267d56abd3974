import { expect, test } from "vitest";
import { architectureFromConfig, decoderDimensions, huggingFaceConfigSchema, PRESETS } from "../../plan/index.ts";
import { createTopology } from "../../sim/index.ts";
import {
  COMPARISON_SCHEDULES,
  type ComparisonSchedule,
  compareStrategies,
  drawJobs,
  fixedInterconnect,
  type JobsRun,
  jobsNeeds,
  jobsTrace,
  loraParameters,
  type Platform,
  simulateJobs,
  type Training,
  topologyInterconnect,
} from "../../studies/index.ts";
import { singleJobStep } from "../../studies/strategies/single-job.ts";
import { parseTraceDocument, type TraceEvent, traceDocument, traceTotals } from "../../traces/index.ts";

const arch = architectureFromConfig(huggingFaceConfigSchema.parse(PRESETS["tinyllama-1.1b"]!));

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

const PLATFORM: Platform = {
  numDevices: 4,
  peaks: { flopsPerSecond: 100e12, bytesPerSecond: 1e12 },
  memoryBytes: 80e9,
  efficiency: { computeEfficiency: 0.5, activationBytes: 15, scoreBytes: 10, launchSeconds: 2e-4 },
  headBytes: 50,
  interconnect: topologyInterconnect(
    createTopology([
      {
        numDevices: 4,
        devicesPerSwitch: 2,
        slotBytesPerSecond: 20e9,
        uplinkBytesPerSecond: 20e9,
        bridgeBytesPerSecond: 25e9,
        peerAccess: true,
        fabricBytesPerSecond: null,
        networkBytesPerSecond: 1e9,
        deviceLatencySeconds: 1e-5,
        networkLatencySeconds: 1e-5,
        messageSeconds: 1e-5,
      },
    ]),
  ),
  contextBytes: 1e8,
  allocatorFactor: 1.1,
};

/** Micro-batches as the strategies take them: pipelines cut the mini-batch, the others do not. */
function sizeOf(schedule: ComparisonSchedule): number {
  return schedule === "interleaved" || schedule === "zb-h1" ? 2 : 8;
}

function runOf(
  schedule: ComparisonSchedule,
  steps: readonly (readonly number[])[],
  more: Partial<JobsRun> = {},
): JobsRun {
  const { adapterParameters, sequences: _s, sequenceLength: _l, microBatches: _m, ...model } = TRAINING;
  const job = { adapterParameters, steps, microBatchSize: sizeOf(schedule) };
  return {
    schedule,
    platform: PLATFORM,
    model,
    jobs: [
      { name: "a", ...job },
      { name: "b", ...job },
    ],
    options: { overlap: true, prefetch: 1 },
    hash: "sha256:request",
    devices: ["g0", "g1", "g2", "g3"],
    ...more,
  };
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
  "%s: equal rows take what the table of strategies says, step after step",
  (schedule) => {
    for (const recompute of [false, true]) {
      for (const full of [false, true]) {
        const table = compareStrategies(PLATFORM, { ...TRAINING, full }, 2);
        const row = table.find((each) => each.strategy === schedule && each.recompute === recompute)!;
        const { model } = runOf(schedule, EQUAL);
        const { metrics, steps } = simulateJobs(runOf(schedule, EQUAL, { model: { ...model, recompute, full } }));
        const last = steps.at(-1)!;
        expect(last.startNs / (steps.length - 1) / 1e9).toBeCloseTo(row.secondsPerJobStep, 9);
        expect(metrics.tokens).toBe(2 * 6 * 8 * 512);
        expect(Math.max(...metrics.devices.map(({ peakMemoryBytes }) => peakMemoryBytes))).toBe(
          Math.round(row.peakBytes),
        );
      }
    }
  },
);

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
  const { model } = runOf("fsdp", UNEQUAL);
  const run = runOf("fsdp", UNEQUAL, { model: { ...model, full: true } });
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
  const layerBytes = decoderDimensions(arch).parameters * TRAINING.weightBytes;
  const weights = [0, 1, 2].map(
    (prefetch) => jobsNeeds(runOf("fsdp", EQUAL, { options: { overlap: true, prefetch } }))[0]!.weights,
  );
  expect(weights[1]! - weights[0]!).toBeCloseTo(layerBytes, 0);
  expect(weights[2]! - weights[1]!).toBeCloseTo(layerBytes, 0);
});

test("without overlap nothing computes while a message or a collective is on its way", () => {
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
    const cut = { ...whole, jobs: whole.jobs.map((job) => ({ ...job, microBatchSize: 1 })) };
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
  expect(() => simulateJobs(runOf("interleaved", [[9, 9, 9, 9, 9, 9]]))).toThrow(
    /micro-batches that are a multiple of 4 devices/,
  );
  expect(() => simulateJobs(runOf("ddp", [[9, 9, 9, 9, 9, 9]]))).toThrow(
    /batchSize that is a multiple of 4 devices for ddp/,
  );
});

test("a stage's step without overlap takes its two messages in and out and its two passes, with overlap the passes alone", () => {
  // Equal stages (no head), messages of C, shorter than a forward: the middle stage of three, for each micro-batch more of GPipe.
  const headless = { ...arch, vocabularySize: 1, numLayers: 24 };
  const transfer = 3e-3;
  const interconnect = fixedInterconnect({
    numDevices: 3,
    hopSeconds: transfer,
    hopBytesPerSecond: 1e18,
    ringBytesPerSecond: 1e18,
  });
  const platform = { ...PLATFORM, headBytes: 0, interconnect, numDevices: 3 };
  const perMicroBatch = (overlap: boolean): number => {
    const [few, many] = [40, 80].map((microBatches) => {
      const training = { ...TRAINING, arch: headless, sequences: 2 * microBatches, microBatches };
      return singleJobStep(platform, training, "gpipe", overlap)!.seconds;
    });
    return (many! - few!) / 40;
  };
  const oneStage = { ...PLATFORM, headBytes: 0, numDevices: 1 };
  const passes = singleJobStep(
    oneStage,
    { ...TRAINING, arch: { ...headless, numLayers: 8 }, sequences: 2, microBatches: 1 },
    "1f1b",
  )!;
  expect(perMicroBatch(true)).toBeCloseTo(passes.seconds, 5);
  expect(perMicroBatch(false)).toBeCloseTo(passes.seconds + 4 * transfer, 5);
});

test.each(COMPARISON_SCHEDULES)("%s: runs drawn with factors take as much longer as what is off", (schedule) => {
  for (const overlap of [true, false]) {
    const run = runOf(schedule, UNEQUAL, { options: { overlap, prefetch: 1 } });
    const { makespanSeconds, bubbleRatioTotal, jobs } = simulateJobs(run).metrics;
    const factors = (f: number, b: number, links: number) => ({ actions: { F: f, B: b, U: 1 }, links });
    const [one, twice, forward, backward, links] = drawJobs(run, [
      factors(1, 1, 1),
      factors(2, 2, 2),
      factors(2, 1, 1),
      factors(1, 2, 1),
      factors(1, 1, 2),
    ]);
    expect(one!.makespanSeconds).toBe(makespanSeconds);
    expect(one!.turnaroundSeconds).toEqual(jobs.map(({ turnaroundSeconds }) => turnaroundSeconds));
    expect(twice!.makespanSeconds / makespanSeconds).toBeCloseTo(2, 5);
    expect(twice!.bubbleRatioTotal).toBeCloseTo(bubbleRatioTotal, 5);
    for (const part of [forward!, backward!, links!]) {
      expect(part.makespanSeconds).toBeGreaterThan(makespanSeconds);
      expect(part.makespanSeconds).toBeLessThan(2 * makespanSeconds);
    }
  }
});
