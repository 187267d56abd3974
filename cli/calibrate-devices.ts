import {
  type BaseModel,
  type CalibrationRange,
  calibrationPlans,
  type Measurements,
  measurePlan,
  nativeInfo,
  WARM_STEPS,
} from "../exec/index.ts";
import type { MeasuredCalibration, Plan } from "../plan/index.ts";
import { jobSegments, microBatchTokens } from "../plan/index.ts";
import { fitCalibration, fitLink } from "../sim/index.ts";

/** The range of a plan's micro-batches. */
export function rangeOfPlan(plan: Plan): CalibrationRange {
  const tokens = { min: Number.POSITIVE_INFINITY, max: 0 };
  const sequence = { min: Number.POSITIVE_INFINITY, max: 0 };
  const widen = (range: { min: number; max: number }, value: number): void => {
    range.min = Math.min(range.min, value);
    range.max = Math.max(range.max, value);
  };
  for (const microBatch of plan.microBatches) {
    widen(tokens, microBatchTokens(microBatch));
    for (const { lengths } of jobSegments(microBatch)) for (const length of lengths) widen(sequence, length);
  }
  return {
    architecture: plan.model.architecture,
    dtype: plan.model.dtype,
    devices: plan.devices,
    links: plan.links,
    adapters: plan.jobs.map(({ adapter }) => adapter),
    numGroups: plan.groups.length,
    tokens,
    sequence,
  };
}

/** Measures every run of a range and fits the operators. `onRun` is told before each run. */
export async function calibrateDevices(
  range: CalibrationRange,
  model: BaseModel,
  date: string,
  onRun: (run: number, runs: number) => void,
): Promise<MeasuredCalibration> {
  const plans = calibrationPlans(range);
  const parts: Measurements[] = [];
  for (const [run, plan] of plans.entries()) {
    onRun(run, plans.length);
    parts.push(await measurePlan(plan, model, WARM_STEPS));
  }
  const fitted = fitCalibration({
    operators: parts.flatMap(({ operators }) => operators),
    actions: parts.flatMap(({ actions }) => actions),
  });
  const { cpuModel, isa, onednn } = nativeInfo();
  return {
    kind: "calibration",
    version: 1,
    model: "measured",
    device: {
      type: "cpu",
      description: `${cpuModel}, ${isa}, oneDNN ${onednn}`,
      threads: range.devices[0]!.threads,
      devicesAtOnce: range.devices.length,
    },
    date,
    dtype: range.dtype,
    ...fitted,
    link: fitLink(parts.flatMap(({ messages }) => messages)),
  };
}
