import { createRng } from "../../core/index.ts";
import { type FleetJob, type JournalLine, type Policy, Scheduler, timesSpent } from "../../plan/index.ts";
import { intervalOf, type Outlook } from "../../traces/index.ts";
import { asPredicted, type FleetCut, type FleetState, type SimulatedJob, type Truth } from "./fleet-state.ts";
import type { FleetTimes } from "./fleet-times.ts";
import type { FleetMachines } from "./forecast.ts";
import { endsOf, type FleetResult, FleetRun } from "./run-fleet.ts";
import type { TimeFactors } from "./time-factors.ts";
import { middlePath, type TimePaths } from "./time-paths.ts";

/** A fleet at some time, and who decides from then on. */
export interface FleetNow {
  readonly state: FleetState;
  readonly machines: FleetMachines;
  /** It starts with the memory of the state where that is a policy of the same name. */
  readonly policy: Policy;
  /** Jobs that are known to come; none where absent. */
  readonly toCome?: readonly SimulatedJob[];
  /** By number, what is known of jobs beside what is predicted of them. */
  readonly truths?: FleetCut["truths"];
}

/** Iterations after which a job ends, in the middle 90 % of cases. */
export interface IterationRange {
  readonly low: number;
  readonly high: number;
}

/** What the runs that might be differ in, and how many of them are drawn. */
export interface EndSpread {
  /** By how much iterations take longer; as predicted when absent. */
  readonly factors?: TimeFactors;
  /**
   * How fast all is done from now on, on top of that; as predicted when absent. With them nobody knows how far the
   * iterations that are under way are either.
   */
  readonly paths?: TimePaths | undefined;
  /** What becomes of the machine in them; what is predicted lies in their middle 90 % only where it is as it has been. */
  readonly outlook?: Outlook | undefined;
  /** By number; the others end when they are predicted to. */
  readonly iterations?: ReadonlyMap<number, IterationRange>;
  readonly draws: number;
  /** Such as 0.9. */
  readonly level: number;
  readonly seed: number;
}

/** When a job ends: as predicted, and between which times it does in `level` of the runs that might be. */
export interface PredictedEnd {
  readonly number: number;
  readonly endNs: number;
  readonly lowNs: number;
  readonly highNs: number;
}

/** What happens if all is as predicted. */
export function fleetFuture(
  { state, machines, policy, toCome = [], truths }: FleetNow,
  onLine: (line: JournalLine) => void = () => {},
): FleetResult {
  const { resources, times, isAhead } = machines;
  return new FleetRun(toCome, new Scheduler(policy, resources, state.scheduler), {
    numPipelines: resources.numPipelines,
    times,
    isAhead,
    onLine,
    from: { state, ...(truths === undefined ? {} : { truths }) },
  }).run();
}

function slowed(times: FleetTimes, factorOf: (job: number) => number): FleetTimes {
  const { spentOf } = times;
  return {
    iterationNs: (pipeline, jobs) =>
      times.iterationNs(pipeline, jobs).map((ns, place) => ns * factorOf(jobs[place]!.number)),
    ...(spentOf === undefined ? {} : { spentOf: (pipeline, job) => timesSpent(spentOf(pipeline, job), factorOf(job)) }),
  };
}

/** The standard normal value at 95 %. */
const AT_95 = 1.645;

/** Another number of iterations for a job: of a normal distribution on either side of what is predicted. */
function drawnTruth(job: FleetJob, done: number, { low, high }: IterationRange, seed: string): Truth {
  const { iterations: middle } = asPredicted(job, done);
  const normal = createRng(seed).nextNormal() / AT_95;
  const drawn = middle + normal * (normal < 0 ? middle - Math.min(low, middle) : Math.max(high, middle) - middle);
  return { iterations: Math.min(job.iterations, Math.max(done + 1, Math.round(drawn))) };
}

/** What becomes of the jobs that are there, in one of the runs that might be. */
function drawnTruths({ state, truths }: FleetNow, { iterations, seed }: EndSpread, draw: number): FleetCut["truths"] {
  const drawn = new Map(truths);
  if (iterations === undefined) return drawn;
  const doneOf = new Map(state.placed.map(({ number, done }) => [number, done]));
  for (const job of state.scheduler.jobs) {
    const range = iterations.get(job.number);
    if (range === undefined) continue;
    const done = doneOf.get(job.number) ?? job.done;
    drawn.set(job.number, drawnTruth(job, done, range, `iterations ${seed} ${draw} of ${job.number}`));
  }
  return drawn;
}

/** By number, what an iteration of a job on a pipeline takes as predicted, on average until its end. */
function iterationsNs({ state, truths }: FleetNow, ends: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  const jobOf = new Map(state.scheduler.jobs.map((job) => [job.number, job]));
  return new Map(
    state.placed.flatMap(({ number, done, left }) => {
      const [job, endNs] = [jobOf.get(number), ends.get(number)];
      if (job === undefined || endNs === undefined) return [];
      const { iterations } = truths?.get(number) ?? asPredicted(job, done);
      return [[number, (endNs - state.atNs) / Math.max(left, iterations - done - 1 + left)] as const];
    }),
  );
}

/** The ends of one of the runs that might be, where it goes along a path of its own. */
function alongPath(now: FleetNow, ends: ReadonlyMap<number, number>, spread: EndSpread, draw: number) {
  const path = spread.paths?.(draw);
  if (path === undefined) return ends;
  const { atNs } = now.state;
  const iterationNs = iterationsNs(now, ends);
  const rng = createRng(`under way ${spread.seed} ${draw}`);
  return new Map(
    [...ends].map(([number, endNs]) => {
      const moved = endNs - atNs + (iterationNs.get(number) ?? 0) * (rng.nextFloat() - 0.5);
      return [number, atNs + path(Math.max(0, moved))];
    }),
  );
}

/** By number, when jobs end if all is as predicted. */
export function expectedEnds(now: FleetNow): ReadonlyMap<number, number> {
  return endsOf(fleetFuture(now));
}

/**
 * The ends of all jobs that are there and of those that are known to come, with intervals: the fleet simulated from now
 * on, once as predicted and often with slower or faster times and other early ends, which nobody knows before. In the
 * order of numbers; jobs that never end, paused or refused, are left out. `ends`: where they are known already.
 */
export function predictEnds(now: FleetNow, spread: EndSpread, ends = expectedEnds(now)): readonly PredictedEnd[] {
  const { factors, iterations, paths, draws, level, outlook = "been" } = spread;
  const { atNs } = now.state;
  const drawn = Array.from({ length: draws }, (_, draw) => {
    const factorOf = factors?.(draw);
    if (factorOf === undefined && iterations === undefined) return alongPath(now, ends, spread, draw);
    const times = factorOf === undefined ? now.machines.times : slowed(now.machines.times, factorOf);
    const truths = drawnTruths(now, spread, draw);
    const own = endsOf(fleetFuture({ ...now, machines: { ...now.machines, times }, truths }));
    return alongPath(now, own, spread, draw);
  });
  const middle = middlePath(paths, draws);
  return [...ends]
    .sort(([a], [b]) => a - b)
    .map(([number, ns]) => {
      const endNs = atNs + middle(ns - atNs);
      const own = drawn.flatMap((each) => each.get(number) ?? []);
      const held = outlook === "been" || own.length === 0 ? [endNs] : [];
      const [low, high] = intervalOf([...held, ...own], level);
      return { number, endNs, lowNs: Math.min(low, ...held), highNs: Math.max(high, ...held) };
    });
}
