import { createRng, median, type Rng } from "../../core/index.ts";
import { SeenPace } from "./seen-pace.ts";
import type { TimeFactors } from "./time-factors.ts";

/** How long it takes, from now on, until so much is done as is predicted to take so long. It never goes back. */
export type TimePath = (workNs: number) => number;

/** One for each of the runs that might be. */
export type TimePaths = (draw: number) => TimePath;

/** What is known of a machine's pace: time / predicted time. */
export interface PaceKnown {
  /** By the errors of the costs, and how the machine was seen to move before this run. */
  readonly before: TimeFactors;
  /** The same at the beginning of this run, where somebody looked. */
  readonly atFirst?: TimeFactors;
  /** Of this run so far; nothing when absent. */
  readonly seen?: SeenPace;
  readonly seed: number;
}

const SECOND = 1e9;
/** Levels that are drawn of what was known before the run, once for all paths. */
const LEVELS = 100;
/** What was known before counts as much as so many stays of the machine in this run, and as the first of its iterations. */
const BEFORE_STAYS = 2;
const BEFORE_ITERATIONS = 4;
/** Over how long one has to look to see how fast the machine is now: nobody knows, so anything between. */
const WINDOW_NS = [SECOND, 20 * SECOND] as const;
/** For how long a machine stays as it is, on average: likewise. */
const STAYS_NS = [2 * SECOND, 3000 * SECOND] as const;
/** Of the changes of a machine, those in which a program begins that nobody has seen yet. */
const NEW_PROGRAMS = 0.25;
/** Deviation of the logarithm of one iteration's pace. */
const OF_ITERATION = 0.2;
/** So much work is taken for one iteration, and so many of them differ: what many take is near their mean. */
const ITERATION_NS = 0.1 * SECOND;
const MOST_ITERATIONS = 1000;
/** Changes in a path; what is behind them is as fast as the mean of what is before. */
const MOST_CHANGES = 64;

/** Any size between is as likely as its double. */
function evenly([low, high]: readonly [number, number], rng: Rng): number {
  return low * (high / low) ** rng.nextFloat();
}

function exponential(rng: Rng): number {
  return -Math.log(1 - rng.nextFloat());
}

/** Work as it is done where no two iterations are alike. */
function unevenly(rng: Rng): TimePath {
  const ends = [0];
  return (workNs) => {
    const whole = Math.min(MOST_ITERATIONS, Math.floor(workNs / ITERATION_NS));
    while (ends.length <= whole + 1) {
      const pace = Math.exp(OF_ITERATION * rng.nextNormal() - OF_ITERATION ** 2 / 2);
      ends.push(ends.at(-1)! + ITERATION_NS * pace);
    }
    const rest = workNs - whole * ITERATION_NS;
    const pace = whole < MOST_ITERATIONS ? (ends[whole + 1]! - ends[whole]!) / ITERATION_NS : 1;
    return ends[whole]! + rest * pace;
  };
}

/** As fast as the machine is now, by the latest iterations. */
function levelNow(seen: SeenPace, rng: Rng): number | undefined {
  const windowNs = evenly(WINDOW_NS, rng);
  const level = seen.over(windowNs);
  const normal = rng.nextNormal();
  return level && level * Math.exp((OF_ITERATION * normal) / Math.sqrt(Math.max(1, seen.countOver(windowNs))));
}

/** As fast as it was at some time in this run. */
function levelSeen(seen: SeenPace, rng: Rng): number | undefined {
  const windowNs = Math.min(evenly(WINDOW_NS, rng), seen.busyNs);
  return seen.over(windowNs, windowNs + rng.nextFloat() * (seen.busyNs - windowNs));
}

/**
 * Runs that might be, from what was known of the machine before and what was seen of it in this run: it is as fast as it
 * was just now, for a time that nobody knows, and then as it was at another time, before this run or in it; or a program
 * begins that takes some of it.
 */
export function pacePaths({ before, atFirst = before, seen = new SeenPace(), seed }: PaceKnown): TimePaths {
  const levelsOf = (factors: TimeFactors) => Array.from({ length: LEVELS }, (_, draw) => factors(draw)(0));
  const [levels, firstLevels] = [levelsOf(before), levelsOf(atFirst)];
  const isExact = levels.every((level) => level === 1);
  // Exact costs are of a machine that does not move, until it was seen to.
  if (isExact && seen.busyNs === 0) return () => (workNs) => workNs;
  return (draw) => {
    const rng = createRng(`pace ${seed} ${draw}`);
    const levelBefore = (): number => levels[rng.nextInt(LEVELS)]!;
    const staysNs = evenly(STAYS_NS, rng);
    const levelThen = (): number => {
      const beforeNs = BEFORE_STAYS * staysNs;
      const isBefore = rng.nextFloat() * (beforeNs + seen.busyNs) < beforeNs;
      const level = isBefore ? levelBefore() : (levelSeen(seen, rng) ?? levelBefore());
      return rng.nextFloat() < NEW_PROGRAMS ? level * (1 + exponential(rng)) : level;
    };
    const numSeen = seen.countOver(Number.POSITIVE_INFINITY);
    const isUnseen = rng.nextFloat() * (BEFORE_ITERATIONS + numSeen) < BEFORE_ITERATIONS;
    const levelFirst = (): number => firstLevels[rng.nextInt(LEVELS)]!;
    let level = isUnseen ? levelFirst() : (levelNow(seen, rng) ?? levelFirst());
    /** Where the pace changes. */
    const path = [{ workNs: 0, ns: 0, level }];
    for (let change = 0; change < MOST_CHANGES; change += 1) {
      const last = path.at(-1)!;
      const ns = staysNs * exponential(rng);
      level = levelThen();
      path.push({ workNs: last.workNs + ns / last.level, ns: last.ns + ns, level });
    }
    const end = path.at(-1)!;
    end.level = end.ns / end.workNs;
    const uneven = unevenly(createRng(`iterations ${seed} ${draw}`));
    return (plannedNs) => {
      const workNs = uneven(plannedNs);
      const from = path.findLast((each) => each.workNs <= workNs) ?? path[0]!;
      return from.ns + (workNs - from.workNs) * from.level;
    };
  };
}

/** Runs that might be of a machine that stays as it is: all is by as much slower. */
export function steadyPaths(factors: TimeFactors): TimePaths {
  return (draw) => {
    const factor = factors(draw)(0);
    return (workNs) => workNs * factor;
  };
}

/** The middle of the runs that might be; as predicted where none are drawn. */
export function middlePath(paths: TimePaths | undefined, draws: number): TimePath {
  if (paths === undefined) return (workNs) => workNs;
  const all = Array.from({ length: draws }, (_, draw) => paths(draw));
  return (workNs) => median(all.map((path) => path(workNs)));
}
