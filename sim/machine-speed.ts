import { mean } from "../core/index.ts";
import {
  actionDurations,
  type CalibratedMachine,
  computeDtype,
  createCostModel,
  type DeviceProbe,
  type DeviceSpeed,
  FORWARD,
  type MachineProbe,
  type MeasuredCalibration,
  type OperatorCall,
  operatorSeconds,
  PASSES,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
  passOf,
  productShare,
  stageOperators,
  stageShapes,
} from "../plan/index.ts";
import { type AtMachineSpeed, type RunMachine, slowdown, speedBetween, type Trace } from "../traces/index.ts";
import { runFigures } from "./run/run-figures.ts";
import { deviceTimes, runWithTimes } from "./run/run-plan.ts";
import { actionIndex } from "./run/stage-orders.ts";

/** The share of products in the time of some operators, by a calibration. */
function productsOf({ operators }: MeasuredCalibration, calls: readonly OperatorCall[]): number {
  const table = new Map(operators.map(({ operator, coefficients }) => [operator, coefficients]));
  return productShare(
    calls.map(({ name, kind, calls: count, features }) => ({
      kind,
      seconds: count * operatorSeconds(table.get(name) ?? table.get(kind) ?? {}, features),
    })),
  );
}

/** What a device's probes say of its speed: the middle of all, with memory in place of copies. */
function probedSpeed(
  probes: readonly MachineProbe[],
  device: string,
  dtype: "float32" | "bfloat16",
): DeviceSpeed | undefined {
  const own = probes.flatMap(({ devices }) => devices.filter((each) => each.device === device));
  if (own.length === 0) return undefined;
  const product = (probe: DeviceProbe): number => (probe[dtype] ?? probe.float32).perSecond;
  return { product: mean(own.map(product)), copy: mean(own.map(({ memory }) => memory.perSecond)) };
}

/**
 * How much slower a device was than when it was calibrated, by samples where both have them, else by probes: at one
 * time, or on the whole.
 */
interface Slowness {
  between(products: number, from: number, to: number): number;
  readonly product: number;
  readonly copy: number;
}

const AS_CALIBRATED: Slowness = { between: () => 1, product: 1, copy: 1 };

function slownessOf(
  calibrated: CalibratedMachine,
  run: RunMachine,
  device: string,
  dtype: "float32" | "bfloat16",
): Slowness {
  const samples = run.devices.find(({ name }) => name === device)?.samples ?? [];
  const whole = speedBetween(samples, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  if (calibrated.speed !== undefined && whole !== undefined) {
    const reference = calibrated.speed;
    return {
      between: (products, from, to) => slowdown(products, speedBetween(samples, from, to)!, reference),
      product: slowdown(1, whole, reference),
      copy: slowdown(0, whole, reference),
    };
  }
  const [reference, speed] = [calibrated.probes, run.probes].map((probes) => probedSpeed(probes, device, dtype));
  if (reference === undefined || speed === undefined) return AS_CALIBRATED;
  return {
    between: (products) => slowdown(products, speed, reference),
    product: slowdown(1, speed, reference),
    copy: slowdown(0, speed, reference),
  };
}

/**
 * A plan's run as its costs predict it on the machine as it was during an executed one: an action takes its time at the
 * speed that the calibration is of, times how much slower its device was then, plus the time for which its threads, or
 * before it the device's own, did not have their cores. Nothing of it comes from how long the run's actions took.
 * Undefined where calibration or run do not know their machine.
 */
export function atMachineSpeed(plan: PlanBody, executed: Trace): AtMachineSpeed | undefined {
  const { calibration, stages, microBatches, model } = plan;
  const run = executed.machine;
  if (calibration.model !== "measured" || calibration.machine === undefined || run === undefined) return undefined;
  const calibrated = calibration.machine;
  const costModel = createCostModel(calibration, model.dtype);
  const predicted = actionDurations(plan, costModel);
  const having = 1 - (calibrated.interrupted ?? 0);
  const dtype = computeDtype(model.dtype);
  const slowness = plan.devices.map(({ name }) => slownessOf(calibrated, run, name, dtype));
  const times = new Float64Array(stages.length * PASSES.length * microBatches.length);
  // The shares of one stage's letter hardly differ between micro-batches: those of the first stand for all.
  const shares = stageShapes(plan).map((shape, stage) => {
    const { microBatch } = parseAction(plan.actions[stage]![0]!);
    const of = (letter: "F" | "B"): number =>
      productsOf(calibration, stageOperators(shape, letter, microBatches[microBatch]!));
    return { F: of("F"), B: of("B"), U: 0 };
  });
  const lostOfMessages = new Float64Array(times.length);
  for (const event of executed.events) {
    const { stream, stage, letter, microBatch, device, startNs, durationNs, interruptedNs = 0, delayedNs = 0 } = event;
    if (stream === "receive" || letter === "I" || letter === "W") continue;
    const index = PLANNED_LETTERS.indexOf(letter);
    const cell = actionIndex(stage, index, microBatch, microBatches.length);
    if (stream === "send") {
      lostOfMessages[cell] = interruptedNs + delayedNs;
      continue;
    }
    const slower = slowness[device]!.between(
      shares[stage]![passOf(letter)],
      startNs / 1e9,
      (startNs + durationNs) / 1e9,
    );
    times[cell] = predicted(stage, index, microBatch) * having * slower + interruptedNs + delayedNs;
  }
  const latenciesNs = plan.links.map((link) => (link === null ? 0 : costModel.linkCost(link).latencySeconds * 1e9));
  const corrected = runWithTimes(plan, {
    links: costModel,
    action: (stage, letter, microBatch) =>
      Math.round(times[actionIndex(stage, letter, microBatch, microBatches.length)]!) as ReturnType<typeof predicted>,
    message: (stage, letter, microBatch) =>
      Math.round(
        latenciesNs[letter === FORWARD ? stage : stage - 1]! +
          lostOfMessages[actionIndex(stage, letter, microBatch, microBatches.length)]!,
      ) as ReturnType<typeof predicted>,
    ...deviceTimes(costModel),
  });
  return {
    makespanSeconds: runFigures(plan, corrected).makespanSeconds,
    devices: plan.devices.map(({ name }, device) => {
      const counted = run.devices.find((each) => each.name === name);
      return {
        name,
        ...(counted === undefined ? {} : { interrupted: counted.interrupted }),
        ...(counted === undefined || calibrated.interrupted === undefined
          ? {}
          : { interruptedWhenCalibrated: calibrated.interrupted }),
        productsSlower: slowness[device]!.product - 1,
        memorySlower: slowness[device]!.copy - 1,
      };
    }),
    ...(run.system === undefined ? {} : { system: run.system }),
  };
}
