import { constantCalibration, createCostModel } from "../../plan/index.ts";
import { simulate, simulateStream } from "../../sim/index.ts";
import { runPlan } from "../../sim/run/run-plan.ts";
import { traceLines } from "../../traces/index.ts";
import { summarize } from "../measurement.ts";
import { type LargeSize, simulateLarge } from "../simulate-alone.ts";
import type { Bench, Scale, Suite } from "../suite.ts";
import { ATTENTION_TARGETS, benchPlan, MODEL } from "../workload.ts";

const STEPS: Readonly<Record<Scale, number>> = { full: 5000, default: 5000, quick: 500, tiny: 20 };
const RUNS: Readonly<Record<Scale, number>> = { full: 5, default: 5, quick: 3, tiny: 1 };

/** The examples' large workload and cluster, or a corner of them. */
const LARGE: Readonly<Record<Scale, Omit<LargeSize, "writesTrace">>> = {
  full: { jobs: 256, devices: 64, stepsOfJob: 157 },
  default: { jobs: 256, devices: 64, stepsOfJob: 157 },
  quick: { jobs: 256, devices: 64, stepsOfJob: 16 },
  tiny: { jobs: 12, devices: 3, stepsOfJob: 2 },
};

/** Transfers that take time, so that all streams have events. */
const CALIBRATION = constantCalibration({ F: 0.01, B: 0.02, transfer: 0.0005, update: 0.001 });

/** The second time with the trace written, which needs more memory. */
async function measureLarge(bench: Bench, writesTrace: boolean): Promise<void> {
  const size = LARGE[bench.scale];
  const result = await simulateLarge({ ...size, writesTrace });
  const { jobs, devices } = size;
  const parameters = { stages: devices, jobs, steps: result.steps, events: result.events };
  const record = (name: string, value: number, unit: string): void =>
    bench.record({ name, parameters, value, unit, repetitions: 1, spread: null });
  if (writesTrace) {
    record("write", result.writeSeconds, "s");
    record("trace file", result.traceBytes, "B");
    record("peak memory with it", result.residentBytes, "B");
  } else {
    record("plan", result.planSeconds, "s");
    record("simulate", result.simulateSeconds, "s");
    record("peak memory", result.residentBytes, "B");
  }
}

/** Rates of the simulator and of what reads its trace, over a run of so many stages. */
function measureRates(bench: Bench, stages: number): void {
  const plan = benchPlan({
    model: { ...MODEL.tiny, layers: stages },
    dtype: "float32",
    jobs: Array.from({ length: 4 }, () => ({
      rank: 8,
      targets: ATTENTION_TARGETS,
      batchSize: 4,
      microBatchSize: 1,
      length: 256,
      steps: STEPS[bench.scale],
    })),
    devices: Array.from({ length: stages }, () => 1),
    calibration: CALIBRATION,
  });
  const costModel = createCostModel(plan.calibration, plan.model.dtype);
  const options = { plan, planHash: plan.hash, costModel };
  const numEvents = simulate(options).events.length;
  const parameters = { stages, jobs: plan.jobs.length, events: numEvents };
  // What is read has to be used, or a compiler might leave it out.
  let used = 0;
  const forms = [
    ["times alone", () => void runPlan(plan, costModel)],
    [
      "with the trace",
      () => {
        used += simulate(options).events.length;
      },
    ],
    [
      "trace read once",
      () => {
        for (const event of simulateStream(options).events) used += event.durationNs;
      },
    ],
    [
      "trace as text",
      () => {
        for (const line of traceLines(simulateStream(options))) used += line.length;
      },
    ],
  ] as const;
  for (const [name, form] of forms) {
    const rates = Array.from({ length: RUNS[bench.scale] }, () => {
      const start = performance.now();
      form();
      return numEvents / ((performance.now() - start) / 1000);
    });
    bench.record({ name, parameters, ...summarize(rates), unit: "events/s" });
  }
  if (used === 0) bench.note("Nothing was read.");
}

export const simulator: Suite = {
  describe: "events a second: times, with the trace made, with its file's text; and a large plan in seconds and bytes",
  cases: () => [
    ...[2, 4].map((stages) => ({
      name: `${stages} stages`,
      seconds: 45,
      run: (bench: Bench) => measureRates(bench, stages),
    })),
    { name: "large plan", seconds: 45, run: (bench) => measureLarge(bench, false) },
    { name: "large plan, trace written", seconds: 75, run: (bench) => measureLarge(bench, true) },
  ],
};
