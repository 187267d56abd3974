import { createRng } from "../../core/index.ts";
import { type FleetJob, type JournalLine, type Policy, Scheduler } from "../../plan/index.ts";
import { intervalOf } from "../../traces/index.ts";
import { asPredicted, type FleetCut, type FleetState, type SimulatedJob, type Truth } from "./fleet-state.ts";
import type { FleetTimes } from "./fleet-times.ts";
import type { FleetMachines } from "./forecast.ts";
import { endsOf, type FleetResult, FleetRun } from "./run-fleet.ts";
import type { TimeFactors } from "./time-factors.ts";

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
  readonly factors: TimeFactors;
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
  return {
    iterationNs: (pipeline, jobs) =>
      times.iterationNs(pipeline, jobs).map((ns, place) => ns * factorOf(jobs[place]!.number)),
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

/**
 * The ends of all jobs that are there and of those that are known to come, with intervals: the fleet simulated from now
 * on, once as predicted and often with slower or faster times and other early ends, which nobody knows before. In the
 * order of numbers; jobs that never end, paused or refused, are left out. What is predicted lies in the interval.
 */
export function predictEnds(now: FleetNow, spread: EndSpread): readonly PredictedEnd[] {
  const ends = endsOf(fleetFuture(now));
  const { factors, draws, level } = spread;
  const drawn = Array.from({ length: draws }, (_, draw) => {
    const times = slowed(now.machines.times, factors(draw));
    const truths = drawnTruths(now, spread, draw);
    return endsOf(fleetFuture({ ...now, machines: { ...now.machines, times }, truths }));
  });
  return [...ends]
    .sort(([a], [b]) => a - b)
    .map(([number, endNs]) => {
      const [low, high] = intervalOf([endNs, ...drawn.flatMap((each) => each.get(number) ?? [])], level);
      return { number, endNs, lowNs: Math.min(low, endNs), highNs: Math.max(high, endNs) };
    });
}
