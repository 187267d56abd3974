import {
  actionsAtSpeed,
  type CalibrationRange,
  calibrationPlans,
  fitCalibration,
  fitLink,
  machineState,
  operatorsAtSpeed,
  referenceSpeed,
  WARM_STEPS,
} from "../../calibration/index.ts";
import { median, sum } from "../../core/index.ts";
import { type BaseModel, type Measurements, measurePlan, nativeInfo } from "../../exec/index.ts";
import { type CalibratedMachine, gpuOfName, type MeasuredCalibration, type Plan } from "../../plan/index.ts";
import { type MachineWatch, watchMachine } from "./watch-machine.ts";

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

/** `before`: the runs before it, whose ways of products it takes, so that all are measured with the same ones. */
export async function measureRun(
  { plan, model, isAlone }: CalibrationRun,
  before: readonly MeasuredRun[],
): Promise<MeasuredRun> {
  const known = before.at(-1)?.measurements.products;
  return { isAlone, measurements: await measurePlan(plan, model, WARM_STEPS, known) };
}

/** Fits the operators of measured devices. `runs`: in the order in which they were measured. `range`: that of any subject, since all have the same devices and dtype. */
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
  const own = busy.map((run) => run.ownInterruptedSeconds ?? Number.NaN);
  const ownInterrupted = sum(own) / sum(busy.map((run) => run.measuredSeconds));
  const { cpuModel, isa, onednn, cuda } = nativeInfo();
  const gpu = cuda.devices[gpuOfName(devices[0]!.name) ?? -1];
  const products = runs.at(-1)!.measurements.products;
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
      ...(gpu === undefined ? { isa } : {}),
      threads: devices[0]!.threads,
      devicesAtOnce: devices.length,
    },
    date,
    dtype,
    machine: {
      ...watched,
      states: busy.flatMap(({ trace }) => machineState(trace) ?? []),
      ...(speed === undefined ? {} : { speed, interrupted }),
      ...(speed === undefined || Number.isNaN(ownInterrupted) ? {} : { ownInterrupted }),
    },
    ...fitted,
    link: fitLink(busy.flatMap(({ messages }) => messages)),
    gapSeconds: Math.max(0, median(busy.flatMap(({ gaps }) => gaps))),
    ...(products === undefined ? {} : { products: { ...products, choices: [...products.choices] } }),
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
    measured.push(await measureRun(run, measured));
  }
  await watch.probe();
  return calibrationOf(measured, subjects[0]!.range, date, watch.end());
}
