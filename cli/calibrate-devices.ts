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
    recompute: plan.recompute,
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

/** A model to measure, and at which sizes. */
export interface CalibrationSubject {
  readonly range: CalibrationRange;
  readonly model: BaseModel;
}

/** A plan to measure, and whether its one device is alone on a machine of several. */
interface CalibrationRun {
  readonly plan: Plan;
  readonly model: BaseModel;
  readonly isAlone: boolean;
}

/** Of the runs with all devices of a machine at work, this many have one beside them with the same work on one device alone. */
const RUNS_FOR_ONE_ALONE = 3;

/** All runs of a subject. Those of one device stand between the others, so that a machine that gets slower does so for both. */
function runsOf({ range, model }: CalibrationSubject): readonly CalibrationRun[] {
  const [first, ...others] = range.devices;
  const plans = calibrationPlans(range);
  const alone = others.some(({ machine }) => machine === first!.machine)
    ? calibrationPlans({ ...range, devices: [first!], links: [] })
    : [];
  return plans.flatMap((plan, index) => [
    { plan, model, isAlone: false },
    ...(index % RUNS_FOR_ONE_ALONE === 0 && alone[index] !== undefined
      ? [{ plan: alone[index], model, isAlone: true }]
      : []),
  ]);
}

/** Measures every run of all subjects and fits the operators to them together. `onRun` is told before each run. */
export async function calibrateDevices(
  subjects: readonly CalibrationSubject[],
  date: string,
  onRun: (run: number, runs: number) => void,
): Promise<MeasuredCalibration> {
  const runs = subjects.flatMap(runsOf);
  const parts: Measurements[] = [];
  const alone: Measurements[] = [];
  for (const [run, { plan, model, isAlone }] of runs.entries()) {
    onRun(run, runs.length);
    (isAlone ? alone : parts).push(await measurePlan(plan, model, WARM_STEPS));
  }
  const { devices, dtype } = subjects[0]!.range;
  const fitted = fitCalibration({
    operators: parts.flatMap(({ operators }) => operators),
    actions: parts.flatMap(({ actions }) => actions),
    ...(alone.length === 0 ? {} : { alone: alone.flatMap(({ actions }) => actions) }),
  });
  const { cpuModel, isa, onednn, cuda } = nativeInfo();
  const gpu = cuda.devices[Number(/^cuda:(\d+)/.exec(devices[0]!.name)?.[1])];
  return {
    kind: "calibration",
    version: 1,
    model: "measured",
    device: {
      type: devices[0]!.type,
      description:
        gpu === undefined
          ? `${cpuModel}, ${isa}, oneDNN ${onednn}`
          : `${gpu.name}, compute capability ${gpu.computeCapability}`,
      threads: devices[0]!.threads,
      devicesAtOnce: devices.length,
    },
    date,
    dtype,
    ...fitted,
    link: fitLink(parts.flatMap(({ messages }) => messages)),
  };
}
