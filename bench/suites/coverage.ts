import { setTimeout as sleep } from "node:timers/promises";
import { maximum, mean, median } from "../../core/index.ts";
import { silent } from "../../files/context.ts";
import { createCostModel, type MeasuredCalibration } from "../../plan/index.ts";
import { atMachineSpeed, simulate } from "../../sim/index.ts";
import {
  type Comparison,
  compareTraces,
  type Interval,
  type Intervals,
  OUTLOOKS,
  type Outlook,
} from "../../traces/index.ts";
import { keepSpeed } from "../../workbench/machine/speed-history.ts";
import { predictIntervals } from "../../workbench/predict/predict-intervals.ts";
import { BusyStretches, SETTLED_MS } from "../busy-stretches.ts";
import { calibrateShapes } from "../calibrate.ts";
import type { Measurement } from "../measurement.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { benchModel, trainProbed } from "../train.ts";
import { twinFamilies } from "../twin-workloads.ts";
import { benchPlan, type PlanShape } from "../workload.ts";

interface Spread {
  readonly runs: number;
  /** From the beginning of a run to that of the next: a machine's speed moves in seconds, and in hours. */
  readonly apartSeconds: number;
  /** How many times as many steps as the twin's workloads have. */
  readonly longer: number;
  /** Of the twin's family: its sizes, and which of its measured shapes the calibration has. */
  readonly family: Scale;
  readonly firstShape: number;
}

const SPREAD: Readonly<Record<Scale, Spread>> = {
  full: { runs: 40, apartSeconds: 10, longer: 3, family: "quick", firstShape: 1 },
  default: { runs: 12, apartSeconds: 10, longer: 3, family: "quick", firstShape: 1 },
  quick: { runs: 3, apartSeconds: 0, longer: 1, family: "tiny", firstShape: 1 },
  tiny: { runs: 2, apartSeconds: 0, longer: 1, family: "tiny", firstShape: 2 },
};

/** What the runs of one process share: made by whichever run is the first. */
interface Shared {
  readonly calibration: MeasuredCalibration;
  readonly calibratedMs: number;
  readonly firstRun: number;
  readonly others: BusyStretches;
}

function longer(shape: PlanShape, times: number): PlanShape {
  return { ...shape, jobs: shape.jobs.map((job) => ({ ...job, steps: job.steps * times })) };
}

const NAMES = {
  asItIs: "error as it is",
  speedOut: "error, machine's speed taken out",
} as const;

const OUTLOOK_WORDS: Readonly<Record<Outlook, string>> = {
  alone: "left alone",
  now: "as it is now",
  been: "as it has been",
};

/** What is expected of a run by what becomes of the machine; by one alone where nobody looked. */
function rangesOf({ makespanSeconds, outlooks }: Intervals): readonly (readonly [Outlook, Interval])[] {
  return outlooks === undefined ? [["been", makespanSeconds]] : OUTLOOKS.map((outlook) => [outlook, outlooks[outlook]]);
}

function record(bench: Bench, run: number, workload: string, comparison: Comparison, ageSeconds: number): void {
  const parameters = { run, workload };
  const own: Measurement[] = [];
  const add = (name: string, value: number, unit: string): void =>
    void own.push({ name, parameters, value, unit, repetitions: 1, spread: null });
  const { executed, simulated, intervals, makespanError, atMachineSpeed: machine } = comparison;
  add("calibration's age", ageSeconds, "s");
  add("predicted", simulated.makespanSeconds, "s");
  add("executed", executed.makespanSeconds, "s");
  for (const [outlook, [low, high]] of rangesOf(intervals!)) {
    const words = OUTLOOK_WORDS[outlook];
    add(`lower end, ${words}`, low, "s");
    add(`upper end, ${words}`, high, "s");
    add(`width, ${words}`, (2 * (high - low)) / (high + low), "share");
    add(`inside, ${words}`, low <= executed.makespanSeconds && executed.makespanSeconds <= high ? 1 : 0, "share");
  }
  add(NAMES.asItIs, makespanError, "share");
  add(NAMES.speedOut, machine!.makespanError, "share");
  add("interrupted", mean(machine!.devices.map(({ interrupted = 0 }) => interrupted)), "share");
  add("products slower", mean(machine!.devices.map(({ productsSlower }) => productsSlower)), "share");
  for (const measurement of [...own, ...soFar([...bench.measured, ...own])]) bench.record(measurement);
}

/** What all runs until now come to: the last of these is the suite's answer. */
function soFar(measured: readonly Measurement[]): readonly Measurement[] {
  const valuesOf = (wanted: string): readonly number[] =>
    measured.filter(({ name }) => name === wanted).map(({ value }) => value);
  const sizes = (name: string): readonly number[] => valuesOf(name).map(Math.abs);
  const runs = valuesOf(NAMES.asItIs).length;
  const figure = (name: string, value: number): Measurement => ({
    ...{ name, parameters: { "after runs": runs }, value, unit: "share", repetitions: runs, spread: null },
  });
  const ofOutlooks = Object.values(OUTLOOK_WORDS).flatMap((words) => {
    const inside = valuesOf(`inside, ${words}`);
    return inside.length === 0
      ? []
      : [
          figure(`coverage, ${words}`, mean(inside)),
          figure(`median width, ${words}`, median(valuesOf(`width, ${words}`))),
        ];
  });
  return [
    ...ofOutlooks,
    figure("median error as it is", median(sizes(NAMES.asItIs))),
    figure("worst as it is", maximum(sizes(NAMES.asItIs))),
    figure("median error, speed out", median(sizes(NAMES.speedOut))),
    figure("worst, speed out", maximum(sizes(NAMES.speedOut))),
  ];
}

/** Predicts a run, trains it, and compares, as `plan`, `train` and `compare` do. */
async function predictAndTrain(
  bench: Bench,
  run: number,
  [workload, shape]: readonly [string, PlanShape],
  shared: Shared,
) {
  const { calibration, calibratedMs, others } = shared;
  using _spinning = others.spin();
  if (bench.scale !== "tiny") await sleep(SETTLED_MS);
  const plan = benchPlan({ ...shape, calibration });
  // A test leaves nothing behind.
  const withHistory = bench.scale !== "tiny";
  const intervals = await predictIntervals(silent("."), { seed: 0, withHistory }, plan, calibration);
  const simulated = simulate({ plan, planHash: plan.hash, costModel: createCostModel(calibration, plan.model.dtype) });
  const ageSeconds = (performance.now() - calibratedMs) / 1e3;
  const { trace } = await trainProbed(plan, benchModel(plan.model.architecture));
  if (withHistory) keepSpeed(plan, trace);
  const comparison = compareTraces({ ...simulated, intervals: intervals! }, trace, {
    machine: atMachineSpeed(plan, trace),
  });
  record(bench, run, workload, comparison, ageSeconds);
}

export const coverage: Suite = {
  describe:
    "how often runs lie in their predicted intervals while others come and go, and the error without the machine's",
  cases({ scale }) {
    const { runs, apartSeconds, longer: times, family: size, firstShape } = SPREAD[scale];
    const family = twinFamilies(size, ["float32"])[0]!;
    const workloads = Object.entries(family.workloads);
    let shared: Shared | undefined;
    const runCase = (index: number): Case => {
      const [workload, shape] = workloads[index % workloads.length]!;
      return {
        name: `run ${index + 1} of ${runs}, ${workload}`,
        seconds: Math.max(apartSeconds, index === 0 ? 120 : 10),
        async run(bench) {
          if (shared === undefined) {
            const calibration = await calibrateShapes(family.calibration.slice(firstShape));
            shared = {
              ...{ calibration, calibratedMs: performance.now(), firstRun: index },
              others: new BusyStretches(3600),
            };
          }
          const waitMs = shared.calibratedMs + 1e3 * apartSeconds * (index - shared.firstRun) - performance.now();
          if (waitMs > 0) await sleep(waitMs);
          await predictAndTrain(bench, index + 1, [workload, longer(shape, times)], shared);
        },
      };
    };
    return Array.from({ length: runs }, (_, index) => runCase(index));
  },
};
