import { type JobRequest, resourcesAt, type Shortfall, shortfallText } from "../../plan/index.ts";
import type { SimulatedJob } from "./fleet-state.ts";
import { type EndSpread, type FleetNow, fleetFuture, predictEnds } from "./predict-ends.ts";
import { endsOf } from "./run-fleet.ts";
import { middlePath } from "./time-paths.ts";

/** A point in time that is predicted, and between which times 90 % of runs should have it; seconds of the fleet. */
export interface PredictedTime {
  readonly seconds: number;
  readonly low: number;
  readonly high: number;
}

/** What would happen if a job came. Times are in seconds since the fleet's start. */
export type WhatIfAnswer =
  | {
      readonly admitted: true;
      readonly policy: string;
      readonly startSeconds: number;
      readonly end: PredictedTime;
      /** Only jobs that would end at another time: later, or with a minus earlier. */
      readonly delays: readonly { readonly name: string; readonly bySeconds: number }[];
    }
  | {
      readonly admitted: false;
      readonly policy: string;
      /** A sentence. */
      readonly why: string;
      /** The table of what it takes of each device, where it fits on none. */
      readonly detail?: string | undefined;
    };

export interface WhatIfRequest {
  /** The fleet without the job. Its machines know the job by the number `state.numJobs`, and those to come by the next. */
  readonly now: FleetNow;
  readonly job: Omit<SimulatedJob, "iterations">;
  readonly spread: EndSpread;
  /** The table of what the job takes of each device; asked where it fits on none. */
  readonly memoryTable?: () => string;
}

const SECOND = 1e9;

/** What keeps a job from every pipeline, even alone; undefined where it fits on one. */
function misfit({ state, machines }: FleetNow, request: JobRequest): Shortfall | undefined {
  const resources = resourcesAt(machines.resources, state.scheduler);
  const alone = {
    ...request,
    number: state.numJobs,
    standing: "waiting",
    done: 0,
    predicted: request.iterations,
    pipeline: undefined,
    hold: undefined,
  } as const;
  let least: Shortfall | undefined;
  for (let pipeline = 0; pipeline < resources.numPipelines; pipeline += 1) {
    const shortfall = resources.shortfall(pipeline, [alone]);
    if (shortfall === undefined) return undefined;
    least ??= shortfall;
  }
  return least;
}

/**
 * What would happen if a job came now, by simulation of the fleet with and without it. Nothing is changed. The policy
 * that decides is asked as if it had come in that moment, whatever the job says of its arrival.
 */
export function whatIf({ now, job, spread, memoryTable }: WhatIfRequest): WhatIfAnswer {
  const { state, toCome = [] } = now;
  const policy = now.policy.name;
  const number = state.numJobs;
  const request = { ...job.request, arrivalNs: state.atNs };
  const shortfall = misfit(now, request);
  if (shortfall !== undefined)
    return {
      admitted: false,
      policy,
      why: `it fits on no pipeline even alone: ${shortfallText(shortfall)}`,
      ...(memoryTable === undefined ? {} : { detail: memoryTable() }),
    };
  const submitted: SimulatedJob = { ...job, request, iterations: job.predicted ?? request.iterations };
  // In front of all that is to come, so that it has the next number.
  const withJob: FleetNow = { ...now, toCome: [submitted, ...toCome] };
  const refusals: string[] = [];
  const after = fleetFuture(withJob, ({ decisions }) => {
    for (const { kind, number: of, why } of decisions) if (kind === "refuse" && of === number) refusals.push(why);
  });
  if (refusals.length > 0) return { admitted: false, policy, why: refusals[0]! };
  // Those that come keep their numbers.
  const before = endsOf(fleetFuture({ ...now, state: { ...state, numJobs: number + 1 } }));
  const middle = middlePath(spread.paths, spread.draws);
  /** When that is which is predicted for a time. */
  const then = (ns: number): number => state.atNs + middle(Math.max(0, ns - state.atNs));
  const delays = after.outcomes.flatMap(({ number: other, name, endNs }) => {
    const beforeNs = before.get(other);
    if (endNs === undefined || beforeNs === undefined || endNs === beforeNs) return [];
    return [{ name, bySeconds: (then(endNs) - then(beforeNs)) / SECOND }];
  });
  const end = predictEnds(withJob, spread).find((each) => each.number === number)!;
  return {
    admitted: true,
    policy,
    startSeconds: then(after.outcomes.find((outcome) => outcome.number === number)!.startNs!) / SECOND,
    end: { seconds: end.endNs / SECOND, low: end.lowNs / SECOND, high: end.highNs / SECOND },
    delays,
  };
}
