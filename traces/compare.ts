import { mean } from "../core/index.ts";
import type { ActionKey, Pass, PlannedLetter } from "../plan/index.ts";
import type { AtMachineSpeed } from "./at-machine-speed.ts";
import type { Interval, Intervals } from "./intervals.ts";
import { type JoinedAction, joinTraces } from "./join.ts";
import { type DeviceMetrics, traceTotals } from "./totals.ts";
import type { Trace } from "./trace.ts";

/** How well the durations of one kind of action were predicted. */
export interface KindError {
  readonly count: number;
  /** Mean over the actions of |simulated / executed - 1|. */
  readonly meanAbsError: number;
  /** Sum of |simulated - executed| over sum of executed: long actions count more. */
  readonly weightedError: number;
  /** Sum of simulated over sum of executed, minus 1: positive where the simulator is too slow on the whole. */
  readonly bias: number;
}

export interface ActionError {
  readonly action: ActionKey;
  readonly device: string;
  readonly jobs: readonly string[];
  readonly simulatedSeconds: number;
  readonly executedSeconds: number;
  /** simulated / executed - 1. */
  readonly error: number;
}

/** One side of the comparison as a whole. */
export interface SideTotals {
  readonly makespanSeconds: number;
  readonly tokensPerSecond: number;
  readonly bubbleRatio: number | null;
  readonly bubbleRatioTotal: number;
}

export interface DeviceComparison {
  readonly name: string;
  readonly simulatedBusySeconds: number;
  readonly executedBusySeconds: number;
  /** simulated / executed - 1. */
  readonly busyError: number;
  readonly simulatedPeakMemoryBytes: number;
  readonly executedPeakMemoryBytes: number;
  /** simulated / executed - 1 of the largest memory samples. Negative is an underestimate. */
  readonly peakMemoryError: number;
}

/** Whether the executed figures lie inside the intervals that the simulated trace has. */
export interface InsideIntervals {
  readonly makespanSeconds: boolean;
  readonly tokensPerSecond: boolean;
  /** null where one of the runs has no steady region. */
  readonly bubbleRatio: boolean | null;
  readonly bubbleRatioTotal: boolean;
}

/** The simulator with the executed durations: its own error, apart from that of the costs. */
export interface ReplayError extends SideTotals {
  /** replayed / executed - 1. */
  readonly makespanError: number;
}

/** The prediction for the machine as it was: what is left of the error is not the machine's. */
export interface MachineError extends AtMachineSpeed {
  /** predicted for this machine / executed - 1. */
  readonly makespanError: number;
}

/** Errors are shares: 0.02 is 2 %. Positive means that the simulator said more than what came. */
export interface Comparison {
  readonly planHash: string;
  /** simulated / executed - 1 of the makespans. */
  readonly makespanError: number;
  /** Mean over all F, B and E actions of |simulated / executed - 1| of their durations; every action counts the same. */
  readonly meanAbsActionError: number;
  /** Over all actions, sum of |simulated - executed| over sum of executed durations. */
  readonly weightedActionError: number;
  /** `E` only where the plan evaluates. */
  readonly perKind: Readonly<Record<Pass, KindError>> & { readonly E?: KindError };
  /** By device, as in `devices`. */
  readonly peakMemoryError: readonly number[];
  /** The ten actions whose durations differ most in seconds, worst first. */
  readonly worst: readonly ActionError[];
  readonly simulated: SideTotals;
  readonly executed: SideTotals;
  /** Of the simulated trace; absent where it has none. */
  readonly intervals?: Intervals;
  readonly insideIntervals?: InsideIntervals;
  /** Absent where no replay was given. */
  readonly replay?: ReplayError;
  /** Absent where calibration or run do not know how fast their machine was. */
  readonly atMachineSpeed?: MachineError;
  readonly devices: readonly DeviceComparison[];
}

const NUM_WORST = 10;

/**
 * simulated / executed - 1. What took no time but was predicted to take some is off by 1, so that every error stays a
 * number.
 */
function relativeError(simulated: number, executed: number): number {
  if (executed === 0) return simulated === 0 ? 0 : 1;
  return simulated / executed - 1;
}

function differenceNs({ simulated, executed }: JoinedAction): number {
  return Math.abs(simulated.durationNs - executed.durationNs);
}

function kindError(actions: readonly JoinedAction[]): KindError {
  let simulated = 0;
  let executed = 0;
  let difference = 0;
  for (const action of actions) {
    simulated += action.simulated.durationNs;
    executed += action.executed.durationNs;
    difference += differenceNs(action);
  }
  return {
    count: actions.length,
    meanAbsError: mean(
      actions.map((action) => Math.abs(relativeError(action.simulated.durationNs, action.executed.durationNs))),
    ),
    weightedError: relativeError(executed + difference, executed),
    bias: relativeError(simulated, executed),
  };
}

function compareDevices(
  simulated: readonly DeviceMetrics[],
  executed: readonly DeviceMetrics[],
): readonly DeviceComparison[] {
  return simulated.map((left, device) => {
    const right = executed[device]!;
    return {
      name: left.name,
      simulatedBusySeconds: left.busySeconds,
      executedBusySeconds: right.busySeconds,
      busyError: relativeError(left.busySeconds, right.busySeconds),
      simulatedPeakMemoryBytes: left.peakMemoryBytes,
      executedPeakMemoryBytes: right.peakMemoryBytes,
      peakMemoryError: relativeError(left.peakMemoryBytes, right.peakMemoryBytes),
    };
  });
}

function sideTotals(trace: Trace): { readonly side: SideTotals; readonly devices: readonly DeviceMetrics[] } {
  const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, devices } = traceTotals(trace);
  return { side: { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal }, devices };
}

function insideIntervals(intervals: Intervals, executed: SideTotals): InsideIntervals {
  const isInside = ([low, high]: Interval, value: number): boolean => low <= value && value <= high;
  const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal } = executed;
  return {
    makespanSeconds: isInside(intervals.makespanSeconds, makespanSeconds),
    tokensPerSecond: isInside(intervals.tokensPerSecond, tokensPerSecond),
    bubbleRatio:
      intervals.bubbleRatio === null || bubbleRatio === null ? null : isInside(intervals.bubbleRatio, bubbleRatio),
    bubbleRatioTotal: isInside(intervals.bubbleRatioTotal, bubbleRatioTotal),
  };
}

/**
 * How far the simulated trace is from the executed one. `replayed` is the executed run simulated with its own
 * durations, `machine` what the simulated run would have been on the machine as it was.
 * @throws InputError when the two cannot be joined; see joinTraces.
 */
export function compareTraces(
  simulated: Trace,
  executed: Trace,
  { replayed, machine }: { readonly replayed?: Trace | undefined; readonly machine?: AtMachineSpeed | undefined } = {},
): Comparison {
  const { planHash, devices: names, actions } = joinTraces(simulated, executed);
  const left = sideTotals(simulated);
  const right = sideTotals(executed);
  const devices = compareDevices(left.devices, right.devices);
  const ofKind = (letter: PlannedLetter): KindError =>
    kindError(actions.filter((action) => action.simulated.letter === letter));
  const evaluations = ofKind("E");
  const { intervals } = simulated;
  const replay = replayed === undefined ? undefined : sideTotals(replayed).side;
  const worst = [...actions].sort((a, b) => differenceNs(b) - differenceNs(a)).slice(0, NUM_WORST);
  return {
    planHash,
    makespanError: relativeError(left.side.makespanSeconds, right.side.makespanSeconds),
    meanAbsActionError: kindError(actions.filter((action) => action.simulated.letter !== "U")).meanAbsError,
    weightedActionError: kindError(actions).weightedError,
    perKind: {
      ...{ F: ofKind("F"), B: ofKind("B"), U: ofKind("U") },
      ...(evaluations.count === 0 ? {} : { E: evaluations }),
    },
    peakMemoryError: devices.map(({ peakMemoryError }) => peakMemoryError),
    worst: worst.map((joined) => ({
      action: joined.action,
      device: names[joined.device]!,
      jobs: joined.executed.jobs,
      simulatedSeconds: joined.simulated.durationNs / 1e9,
      executedSeconds: joined.executed.durationNs / 1e9,
      error: relativeError(joined.simulated.durationNs, joined.executed.durationNs),
    })),
    simulated: left.side,
    executed: right.side,
    ...(intervals === undefined ? {} : { intervals, insideIntervals: insideIntervals(intervals, right.side) }),
    ...(replay === undefined
      ? {}
      : {
          replay: {
            ...replay,
            makespanError: relativeError(replay.makespanSeconds, right.side.makespanSeconds),
          },
        }),
    ...(machine === undefined
      ? {}
      : {
          atMachineSpeed: {
            ...machine,
            makespanError: relativeError(machine.makespanSeconds, right.side.makespanSeconds),
          },
        }),
    devices,
  };
}
