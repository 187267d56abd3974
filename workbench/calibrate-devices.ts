import { median, quantile, sum } from "../core/index.ts";
import {
  type BaseModel,
  type CalibrationRange,
  calibrationPlans,
  type Measurements,
  measurePlan,
  nativeInfo,
  WARM_STEPS,
} from "../exec/index.ts";
import type { CalibratedMachine, MeasuredCalibration, Plan, Recompute, ResolvedLink } from "../plan/index.ts";
import { gpuOfName, jobSegments, microBatchTokens } from "../plan/index.ts";
import {
  actionsAtSpeed,
  fitCalibration,
  fitLink,
  machineState,
  operatorsAtSpeed,
  referenceSpeed,
} from "../sim/index.ts";
import { type MachineWatch, watchMachine } from "./watch-machine.ts";

/** Where along the sorted sizes of a plan to measure. */
const TOKEN_QUANTILES = [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1];
const SEQUENCE_QUANTILES = [0, 0.5, 1];

/** Sizes nearer to each other than this ratio would be measured twice for one answer. */
const LEAST_RATIO = 1.15;

/** The ends of the sizes, and those between that differ enough from their neighbours. */
function pointsOf(values: readonly number[], quantiles: readonly number[]): readonly number[] {
  const sizes = quantiles.map((q) => Math.round(quantile(values, q)));
  const last = sizes.at(-1)!;
  const kept = [sizes[0]!];
  for (const size of sizes) {
    if (size >= LEAST_RATIO * kept.at(-1)! && last >= LEAST_RATIO * size) kept.push(size);
  }
  return last > kept[0]! ? [...kept, last] : kept;
}

/**
 * A calibration's runs are one pipeline over all devices, so they have a link where the plan's pipelines have none
 * between them.
 */
function measuredLink({ devices }: Plan, boundary: number): ResolvedLink {
  const id = `${devices[boundary]!.name}-${devices[boundary + 1]!.name}`;
  return { id, type: "host", shared: false, bandwidthBytesPerSecond: null, latencySeconds: 0 };
}

/** Runs that keep layers measure what recomputed ones do too. */
function rangeRecompute({ stages }: Plan): Recompute {
  if (stages.every(({ recomputedLayers }) => recomputedLayers === 0)) return "none";
  return stages.every(({ firstLayer, endLayer, recomputedLayers }) => recomputedLayers === endLayer - firstLayer)
    ? "layer"
    : "auto";
}

/** The range of a plan's micro-batches. */
export function rangeOfPlan(plan: Plan): CalibrationRange {
  const segments = plan.microBatches.map(jobSegments);
  const tokens = plan.microBatches.map(microBatchTokens);
  const shares = segments.map((parts, i) => sum(parts.map(({ scored }) => scored)) / tokens[i]!);
  return {
    architecture: plan.model.architecture,
    dtype: plan.model.dtype,
    recompute: rangeRecompute(plan),
    devices: plan.devices,
    links: plan.links.map((link, stage) => link ?? measuredLink(plan, stage)),
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
export interface CalibrationRun {
  readonly plan: Plan;
  readonly model: BaseModel;
  readonly isAlone: boolean;
}

/**
 * Of the runs with all devices of a machine at work, this many have one beside them with the same work on one device
 * alone.
 */
const RUNS_FOR_ONE_ALONE = 3;

/**
 * All runs of a subject. Those of one device stand between the others, so that a machine that gets slower does so for
 * both.
 */
export function calibrationRuns({ range, model }: CalibrationSubject): readonly CalibrationRun[] {
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

/** What a run took. */
export interface MeasuredRun {
  readonly isAlone: boolean;
  readonly measurements: Measurements;
}

export async function measureRun({ plan, model, isAlone }: CalibrationRun): Promise<MeasuredRun> {
  return { isAlone, measurements: await measurePlan(plan, model, WARM_STEPS) };
}

/** Fits the operators of measured devices. `range`: that of any subject, since all have the same devices and dtype. */
export function calibrationOf(
  runs: readonly MeasuredRun[],
  { devices, dtype }: CalibrationRange,
  date: string,
  watched: Pick<CalibratedMachine, "host" | "probes" | "system">,
): MeasuredCalibration {
  const measured = (alone: boolean): readonly Measurements[] =>
    runs.filter(({ isAlone }) => isAlone === alone).map(({ measurements }) => measurements);
  const [busy, alone] = [measured(false), measured(true)];
  const speed = referenceSpeed(busy.flatMap(({ actions }) => actions));
  const actionsOf = (all: readonly Measurements[]) =>
    actionsAtSpeed(
      all.flatMap(({ actions }) => actions),
      speed,
    );
  const fitted = fitCalibration({
    operators: operatorsAtSpeed(
      busy.flatMap(({ operators }) => operators),
      speed,
    ),
    actions: actionsOf(busy),
    ...(alone.length === 0 ? {} : { alone: actionsOf(alone) }),
  });
  const interrupted = sum(busy.map((run) => run.interruptedSeconds)) / sum(busy.map((run) => run.measuredSeconds));
  const { cpuModel, isa, onednn, cuda } = nativeInfo();
  const gpu = cuda.devices[gpuOfName(devices[0]!.name) ?? -1];
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
    machine: {
      ...watched,
      states: busy.flatMap(({ trace }) => machineState(trace) ?? []),
      ...(speed === undefined ? {} : { speed, interrupted }),
    },
    ...fitted,
    link: fitLink(busy.flatMap(({ messages }) => messages)),
    gapSeconds: Math.max(0, median(busy.flatMap(({ gaps }) => gaps))),
  };
}

/** Probes of the machine's speed among the runs of a calibration, beside the one after them. */
const PROBES = 3;

/** Measures all subjects and fits the operators to them together. `onRun` is told before each run. */
export async function calibrateDevices(
  subjects: readonly CalibrationSubject[],
  date: string,
  onRun: (run: number, runs: number) => void,
): Promise<MeasuredCalibration> {
  const runs = subjects.flatMap(calibrationRuns);
  const watch: MachineWatch = watchMachine(subjects[0]!.range.devices);
  const measured: MeasuredRun[] = [];
  for (const [index, run] of runs.entries()) {
    if (index % Math.ceil(runs.length / PROBES) === 0) await watch.probe();
    onRun(index, runs.length);
    measured.push(await measureRun(run));
  }
  await watch.probe();
  return calibrationOf(measured, subjects[0]!.range, date, watch.end());
}
