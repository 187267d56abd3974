import {
  type ComputeDtype,
  type CostModel,
  createCostModel,
  type MeasuredCalibration,
  type Plan,
} from "../../plan/index.ts";
import { replay, simulate } from "../../sim/index.ts";
import { compareTraces, type Trace } from "../../traces/index.ts";
import { type CalibrationRun, type MeasuredRun, measureRun } from "../../workbench/machine/calibrate-devices.ts";
import { calibratorFor } from "../calibrate.ts";
import { summarize } from "../measurement.ts";
import { medianActions } from "../median-actions.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { acceptedDtypes, benchModel, peakBytes, plannedBytes, train } from "../train.ts";
import { type TwinFamily, twinFamilies } from "../twin-workloads.ts";
import { benchPlan } from "../workload.ts";

const RUNS: Readonly<Record<Scale, number>> = { full: 5, default: 3, quick: 1, tiny: 1 };

/** A workload's plan with what its runs came to. */
interface Executed {
  readonly workload: string;
  readonly plan: Plan;
  readonly traces: Trace[];
  readonly peaks: number[];
}

interface Interleaved {
  readonly executed: readonly Executed[];
  /** A whole calibration, its runs among those of the workloads. */
  readonly measured: readonly MeasuredRun[];
}

/**
 * Every workload once a round, every other round backwards, and between any two of them a few runs of a calibration:
 * the machine has fast and slow minutes, and both have to see the same ones.
 */
async function interleave(
  bench: Bench,
  { workloads }: TwinFamily,
  runs: readonly CalibrationRun[],
  calibration: MeasuredCalibration,
): Promise<Interleaved> {
  const executed = Object.entries(workloads).map(
    ([workload, shape]): Executed => ({
      workload,
      plan: benchPlan({ ...shape, calibration }),
      traces: [],
      peaks: [],
    }),
  );
  const rounds = RUNS[bench.scale];
  const turns = rounds * executed.length;
  const measured: MeasuredRun[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const [round, place] = [Math.floor(turn / executed.length), turn % executed.length];
    while (measured.length * turns < (turn + 1) * runs.length)
      measured.push(await measureRun(runs[measured.length]!, measured));
    const { plan, traces, peaks } = executed[round % 2 === 0 ? place : executed.length - 1 - place]!;
    const result = await train(plan, benchModel(plan.model.architecture));
    traces.push(result.trace);
    peaks.push(peakBytes(result) / plannedBytes(plan) - 1);
  }
  return { executed, measured };
}

function record(
  bench: Bench,
  { name, dtype }: TwinFamily,
  { workload, plan, traces, peaks }: Executed,
  before: CostModel,
  among: CostModel,
): void {
  const parameters = { workload, model: name, dtype };
  const add = (what: string, values: readonly number[], unit: string): void => {
    const summary = summarize(values);
    // Errors are near 0, of which a spread cannot be a share.
    const spread = unit === "share" ? null : summary.spread;
    bench.record({ name: what, parameters, ...summary, spread, unit });
  };
  const simulated = simulate({ plan, planHash: plan.hash, costModel: among });
  const early = simulate({ plan, planHash: plan.hash, costModel: before });
  const comparisons = traces.map((trace) => compareTraces(simulated, trace));
  add(
    "makespan",
    comparisons.map(({ executed }) => executed.makespanSeconds),
    "s",
  );
  add(
    "makespan error",
    comparisons.map(({ makespanError }) => makespanError),
    "share",
  );
  add(
    "makespan error, calibrated before",
    traces.map((trace) => compareTraces(early, trace).makespanError),
    "share",
  );
  const undisturbed = medianActions(traces);
  const middle = compareTraces(simulated, undisturbed);
  add(
    "makespan error, medians replayed",
    [compareTraces(simulated, replay({ plan, planHash: plan.hash, executed: undisturbed })).makespanError],
    "share",
  );
  add("mean action error", [middle.meanAbsActionError], "share");
  add(
    "mean action error, single runs",
    comparisons.map(({ meanAbsActionError }) => meanAbsActionError),
    "share",
  );
  add("weighted action error", [middle.weightedActionError], "share");
  add("peak memory, measured to planned", peaks, "share");
}

/**
 * Plans are made with a calibration measured before all runs, as a user has it; predictions are scored with one
 * measured among them.
 */
async function measure(bench: Bench, family: TwinFamily): Promise<void> {
  const calibrator = calibratorFor(family.calibration);
  const measuredBefore: MeasuredRun[] = [];
  await calibrator.watch.probe();
  for (const run of calibrator.runs) measuredBefore.push(await measureRun(run, measuredBefore));
  const before = calibrator.fit(measuredBefore);
  const { executed, measured } = await interleave(bench, family, calibrator.runs, before);
  await calibrator.watch.probe();
  const among = calibrator.fit(measured);
  for (const each of executed)
    record(bench, family, each, createCostModel(before, family.dtype), createCostModel(among, family.dtype));
}

const SOON = { float32: 20, bfloat16: 15 } as const;

/** Most of it for calibrations, which are of 49 runs. */
const SECONDS: Readonly<Record<Scale, Readonly<Record<TwinFamily["name"], Readonly<Record<ComputeDtype, number>>>>>> = {
  full: { wide: { float32: 720, bfloat16: 420 }, deep: { float32: 420, bfloat16: 270 } },
  default: { wide: { float32: 280, bfloat16: 175 }, deep: { float32: 175, bfloat16: 125 } },
  quick: { wide: SOON, deep: SOON },
  tiny: { wide: SOON, deep: SOON },
};

export const twin: Suite = {
  describe: "simulated against executed, on workloads that the calibration has not seen",
  async cases({ scale }) {
    // Each model in one dtype, and each dtype with one model, where not all of them have to be.
    const families = twinFamilies(scale, await acceptedDtypes()).filter(
      ({ name, dtype }) => scale === "full" || name === (dtype === "float32" ? "deep" : "wide"),
    );
    return families.map(
      (family): Case => ({
        name: `${family.name}, ${family.dtype}`,
        seconds: SECONDS[scale][family.name][family.dtype],
        run: (bench) => measure(bench, family),
      }),
    );
  },
};
