import { quantile, sum } from "../core/index.ts";
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

/** Where along the sorted sizes of a plan to measure. */
const TOKEN_QUANTILES = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1];
const SEQUENCE_QUANTILES = [0, 0.5, 1];

function pointsOf(values: readonly number[], quantiles: readonly number[]): readonly number[] {
  return [...new Set(quantiles.map((q) => Math.round(quantile(values, q))))];
}

/** The range of a plan's micro-batches. */
export function rangeOfPlan(plan: Plan): CalibrationRange {
  const segments = plan.microBatches.map(jobSegments);
  const tokens = plan.microBatches.map(microBatchTokens);
  const shares = segments.map((parts, i) => sum(parts.map(({ scored }) => scored)) / tokens[i]!);
  return {
    architecture: plan.model.architecture,
    dtype: plan.model.dtype,
    devices: plan.devices,
    links: plan.links,
    adapters: plan.jobs.map(({ adapter }) => adapter),
    numGroups: plan.groups.length,
    tokens: pointsOf(tokens, TOKEN_QUANTILES),
    sequence: pointsOf(
      segments.flat().flatMap(({ lengths }) => lengths),
      SEQUENCE_QUANTILES,
    ),
    scored: [quantile(shares, 0), quantile(shares, 1)],
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
