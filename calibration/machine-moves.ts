import { mean, type Rng, sum } from "../core/index.ts";
import type { CalibratedMachine, MachineState } from "../plan/index.ts";
import { type RunMachine, speedBetween, type Trace, traceTotals } from "../traces/index.ts";

/** How fast a machine was over a whole run, its devices together; undefined where the run did not look. */
export function machineState(executed: Trace): MachineState | undefined {
  const devices: RunMachine["devices"] = executed.machine?.devices ?? [];
  const speeds = devices.flatMap(
    ({ samples }) => speedBetween(samples, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) ?? [],
  );
  if (speeds.length === 0) return undefined;
  const busy = new Map(traceTotals(executed).devices.map(({ name, busySeconds }) => [name, busySeconds]));
  const ownSeconds = sum(devices.map(({ name, interrupted }) => busy.get(name)! * (1 - interrupted)));
  return {
    product: mean(speeds.map(({ product }) => product)),
    interrupted: Math.min(mean(devices.map((device) => device.interrupted)), 0.999),
    switchesPerSecond: ownSeconds === 0 ? 0 : sum(devices.map(({ switches }) => switches)) / ownSeconds,
  };
}

/** One way in which a machine may run, against what a calibration of it predicts. */
export interface MachineMove {
  /** Time in which threads have their cores / predicted time. */
  readonly own: number;
  /** Time in which they do not / time in which they do, and in how many pieces for each second of the latter. */
  readonly lost: number;
  readonly piecesPerSecond: number;
}

/** The ways in which a machine was seen to run: while it was calibrated, all at about one time, and in later runs. */
export interface MachineMoves {
  readonly calibrated: readonly MachineMove[];
  readonly seen: readonly MachineMove[];
}

/** Undefined where the calibration did not look. */
export function machineMoves(
  { speed, interrupted = 0, states }: CalibratedMachine,
  seen: readonly MachineState[],
): MachineMoves | undefined {
  if (speed === undefined || states.length === 0) return undefined;
  const move = (state: MachineState): MachineMove => ({
    own: (1 - interrupted) * (speed.product / state.product),
    lost: state.interrupted / (1 - state.interrupted),
    piecesPerSecond: state.switchesPerSecond,
  });
  return { calibrated: states.map(move), seen: seen.map(move) };
}

/** A calibration's minutes tell as much of what a machine does over days as so many runs. */
const RUNS_OF_A_CALIBRATION = 3;
/**
 * As many runs may find less other work than there was when it was calibrated, down to none, though nobody has seen
 * that yet.
 */
const EASIER_RUNS = 2;
/** So that a machine that was never interrupted may still be, a little: added where logarithms of shares are taken. */
const LEAST_LOST = 0.01;

/** Silverman's rule of thumb for the width that a sample's points get when it stands for a distribution. */
function bandwidth(values: readonly number[]): number {
  const middle = mean(values);
  const deviation = Math.sqrt(mean(values.map((value) => (value - middle) ** 2)));
  return 1.06 * deviation * values.length ** -0.2;
}

/**
 * One way in which the machine might run: near one of those that it was seen in, or with less other work than while it
 * was calibrated.
 */
export function drawMove({ calibrated, seen }: MachineMoves, rng: Rng): MachineMove {
  const all = [...calibrated, ...seen];
  const run = rng.nextFloat() * (seen.length + RUNS_OF_A_CALIBRATION + EASIER_RUNS);
  const group = run < seen.length ? seen : calibrated;
  const isEasier = run >= seen.length + RUNS_OF_A_CALIBRATION;
  const { own, lost: most, piecesPerSecond } = group[rng.nextInt(group.length)]!;
  const lost = isEasier ? most * rng.nextFloat() : most;
  const moved = (value: number, values: readonly number[]): number =>
    Math.exp(Math.log(value) + bandwidth(values.map(Math.log)) * rng.nextNormal());
  const ofLost = (value: number): number => value + LEAST_LOST;
  return {
    own: moved(
      own,
      all.map((each) => each.own),
    ),
    lost: Math.max(
      0,
      moved(
        ofLost(lost),
        all.map((each) => ofLost(each.lost)),
      ) - LEAST_LOST,
    ),
    piecesPerSecond,
  };
}

/** Above this many pieces their sum is as good as normal. */
const MANY_PIECES = 30;

/** What a thread loses in so much time of its own: pieces that come at random, of random length (both exponential). */
export function lostTime(own: number, { lost, piecesPerSecond }: MachineMove, rng: Rng): number {
  const expected = (own / 1e9) * piecesPerSecond;
  if (expected === 0) return own * lost;
  const each = (own * lost) / expected;
  if (expected > MANY_PIECES) return Math.max(0, each * (expected + Math.sqrt(2 * expected) * rng.nextNormal()));
  const nextExponential = (): number => -Math.log(1 - rng.nextFloat());
  let total = 0;
  for (let at = nextExponential(); at < expected; at += nextExponential()) total += each * nextExponential();
  return total;
}
