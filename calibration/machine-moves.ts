import { mean, quantile, type Rng, sum } from "../core/index.ts";
import type { CalibratedMachine, MachineProbe, MachineState } from "../plan/index.ts";
import { type Outlook, type RunMachine, speedBetween, type Trace, traceTotals } from "../traces/index.ts";

/** So that what is left of a core is more than nothing. */
const MOST_INTERRUPTED = 0.999;

/** What was seen of a device, and for how long it computed meanwhile. */
export type SeenDevice = Omit<RunMachine["devices"][number], "name"> & { readonly busySeconds: number };

/** How fast a machine was, all its devices together; undefined where nobody looked at their speed. */
export function stateOfDevices(devices: readonly SeenDevice[]): MachineState | undefined {
  const speeds = devices.flatMap(
    ({ samples }) => speedBetween(samples, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) ?? [],
  );
  if (speeds.length === 0) return undefined;
  const ownSeconds = sum(devices.map(({ busySeconds, interrupted }) => busySeconds * (1 - interrupted)));
  return {
    product: mean(speeds.map(({ product }) => product)),
    interrupted: Math.min(mean(devices.map(({ interrupted }) => interrupted)), MOST_INTERRUPTED),
    switchesPerSecond: ownSeconds === 0 ? 0 : sum(devices.map(({ switches }) => switches)) / ownSeconds,
  };
}

/** How fast a machine was over a whole run; undefined where the run did not look. */
export function machineState(executed: Trace): MachineState | undefined {
  const busy = new Map(traceTotals(executed).devices.map(({ name, busySeconds }) => [name, busySeconds]));
  const devices = executed.machine?.devices ?? [];
  return stateOfDevices(devices.map(({ name, ...device }) => ({ ...device, busySeconds: busy.get(name)! })));
}

/** One way in which a machine may run, against what a calibration of it predicts. */
export interface MachineMove {
  /** Time in which threads have their cores / predicted time. */
  readonly own: number;
  /** Time in which they do not / time in which they do, and in how many pieces for each second of the latter. */
  readonly lost: number;
  readonly piecesPerSecond: number;
}

/** A run that a probe came before, as the one that is predicted has one. */
export interface ProbedRun {
  /** How much slower it was than the probe said: time / time at the probe's speed. */
  readonly ratio: number;
  /** By how much its probe differs from that of now: the logarithm of what they say of times. */
  readonly differs: number;
  readonly ageSeconds: number;
}

/** How a machine runs now, by a probe, and how near such a probe has come to the runs behind it. */
export interface MachineNow {
  readonly state: ProbedState;
  /** The same against what the calibration predicts. */
  readonly probed: MachineMove;
  readonly runs: readonly ProbedRun[];
}

/** The ways in which a machine was seen to run: while it was calibrated, all at about one time, and in later runs. */
export interface MachineMoves {
  readonly calibrated: readonly MachineMove[];
  readonly seen: readonly MachineMove[];
  /** Absent where nobody looked. */
  readonly now?: MachineNow;
}

/** What a probe tells of a machine: FLOP/s of its products, and for what share of its time it had no core. */
export interface ProbedState {
  readonly product: number;
  readonly interrupted: number;
}

/** How a run went, and what the probe before it had said. */
export interface SeenRun extends MachineState {
  readonly probed: ProbedState;
  readonly ageSeconds: number;
}

/** Times / predicted times. */
function slowness({ own, lost }: MachineMove): number {
  return own * (1 + lost);
}

/** For so long at least another thread has a core that was taken for it: the base slice of Linux's scheduler (EEVDF). */
const SLICE_SECONDS = 0.003;

/** For how long a thread is without its core each time. */
function secondsOfPieces(seen: readonly MachineMove[]): number {
  const pieces = sum(seen.map(({ piecesPerSecond }) => piecesPerSecond));
  return Math.max(SLICE_SECONDS, pieces === 0 ? 0 : sum(seen.map(({ lost }) => lost)) / pieces);
}

/** Undefined where the calibration did not look. `probed`: what a probe says of the machine now, where there is one. */
export function machineMoves(
  { speed, interrupted = 0, states, probes }: CalibratedMachine,
  dtype: "float32" | "bfloat16",
  seen: readonly SeenRun[],
  probed?: ProbedState,
): MachineMoves | undefined {
  if (speed === undefined || states.length === 0) return undefined;
  const move = (state: MachineState): MachineMove => ({
    own: (1 - interrupted) * (speed.product / state.product),
    lost: state.interrupted / (1 - state.interrupted),
    piecesPerSecond: state.switchesPerSecond,
  });
  const moves = { calibrated: states.map(move), seen: seen.map(move) };
  if (probed === undefined) return moves;
  const calibratedProduct = probedState(probes, dtype).product;
  const pieceSeconds = secondsOfPieces([...moves.calibrated, ...moves.seen]);
  const moveOfProbe = ({ product, interrupted: without }: ProbedState): MachineMove => {
    const lost = without / (1 - without);
    return { own: (1 - interrupted) * (calibratedProduct / product), lost, piecesPerSecond: lost / pieceSeconds };
  };
  const now = moveOfProbe(probed);
  const runs = seen.map((run, at): ProbedRun => {
    const before = slowness(moveOfProbe(run.probed));
    return {
      ratio: slowness(moves.seen[at]!) / before,
      differs: Math.log(before / slowness(now)),
      ageSeconds: run.ageSeconds,
    };
  });
  return { ...moves, now: { state: probed, probed: now, runs } };
}

/** What probes tell of a machine, all its devices together. */
export function probedState(probes: readonly MachineProbe[], dtype: "float32" | "bfloat16"): ProbedState {
  const devices = probes.flatMap((probe) => probe.devices);
  return {
    product: mean(devices.map((device) => (device[dtype] ?? device.float32).perSecond)),
    interrupted: Math.min(mean(devices.map((device) => device.interrupted ?? 0)), MOST_INTERRUPTED),
  };
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

type DrawMove = (rng: Rng) => MachineMove;

/**
 * One way in which the machine might run: near one of those that it was seen in, or with less other work than while it
 * was calibrated.
 */
function movesAsBefore({ calibrated, seen }: MachineMoves): DrawMove {
  const all = [...calibrated, ...seen];
  const ofLost = (value: number): number => value + LEAST_LOST;
  const ownWidth = bandwidth(all.map(({ own }) => Math.log(own)));
  const lostWidth = bandwidth(all.map(({ lost }) => Math.log(ofLost(lost))));
  return (rng) => {
    const run = rng.nextFloat() * (seen.length + RUNS_OF_A_CALIBRATION + EASIER_RUNS);
    const group = run < seen.length ? seen : calibrated;
    const isEasier = run >= seen.length + RUNS_OF_A_CALIBRATION;
    const { own, lost: most, piecesPerSecond } = group[rng.nextInt(group.length)]!;
    const lost = isEasier ? most * rng.nextFloat() : most;
    const moved = (value: number, width: number): number => Math.exp(Math.log(value) + width * rng.nextNormal());
    return {
      own: moved(own, ownWidth),
      lost: Math.max(0, moved(ofLost(lost), lostWidth) - LEAST_LOST),
      piecesPerSecond,
    };
  };
}

/** A machine that others leave alone is as in the best of so many of the runs that were seen. */
const BEST = 0.1;

function movesAlone({ calibrated, seen }: MachineMoves): DrawMove {
  const all = [...calibrated, ...seen];
  const best = (figure: (move: MachineMove) => number): number => quantile(all.map(figure), BEST);
  const move = {
    own: best(({ own }) => own),
    lost: best(({ lost }) => lost),
    piecesPerSecond: best(({ piecesPerSecond }) => piecesPerSecond),
  };
  return () => move;
}

/** Of the next minutes a run tells half as much as one that is so much younger. */
const HALF_SECONDS = 600;
/** Runs tell of those alike: the deviation of the logarithm of what their probes say of times. */
const ALIKE = 0.25;
/**
 * What is reckoned with beside runs that were seen: so many near their middle, and their deviation. A probe says less the
 * more of the machine others have (ten runs on a crowded one: bench/results/amx/coverage.jsonl).
 */
const UNSEEN_RUNS = 1.5;
const UNSEEN_WIDTH = { alone: 0.08, shared: 0.5 } as const;
/** Of one run that was seen. */
const SEEN_WIDTH = 0.02;
/** Of the runs, those in which something begins or ends, so that they go as any before. */
const CHANGED = 0.03;

function movesAsNow(now: MachineNow, asBefore: DrawMove): DrawMove {
  const weights = now.runs.map(
    ({ differs, ageSeconds }) => 2 ** (-ageSeconds / HALF_SECONDS) * Math.exp(-((differs / ALIKE) ** 2) / 2),
  );
  const all = sum(weights) + UNSEEN_RUNS;
  const shared = now.probed.lost / (1 + now.probed.lost);
  const unseenWidth = UNSEEN_WIDTH.alone + (UNSEEN_WIDTH.shared - UNSEEN_WIDTH.alone) * shared;
  const upTo = weights.map((_, at) => sum(weights.slice(0, at + 1)));
  const middle = Math.exp(sum(now.runs.map(({ ratio }, at) => weights[at]! * Math.log(ratio))) / all);
  return (rng) => {
    if (rng.nextFloat() < CHANGED) return asBefore(rng);
    const place = rng.nextFloat() * all;
    const run = now.runs[upTo.findIndex((weight) => place < weight)];
    const { own, ...rest } = now.probed;
    const width = run === undefined ? unseenWidth : SEEN_WIDTH;
    return { ...rest, own: own * (run?.ratio ?? middle) * Math.exp(width * rng.nextNormal()) };
  };
}

/** Draws one of the ways in which the machine might run. With no probe it is now as it has been. */
export function drawMoves(moves: MachineMoves, outlook: Outlook): DrawMove {
  if (outlook === "alone") return movesAlone(moves);
  const asBefore = movesAsBefore(moves);
  return outlook === "been" || moves.now === undefined ? asBefore : movesAsNow(moves.now, asBefore);
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
