import { type FleetOutcome, type JobRequest, resourcesAt, type Shortfall, shortfallText } from "../../plan/index.ts";
import type { Outlook } from "../../traces/index.ts";
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
      /** When it is asked, which is when the job would come. */
      readonly asOfSeconds: number;
      readonly startSeconds: number;
      readonly end: PredictedTime;
      /** By so much it would end after its deadline: 0 where it would be in time, or has none. */
      readonly lateSeconds: number;
      /** The end by what becomes of the machine, where somebody looked how it is now; `end` is then as it is now. */
      readonly outlooks?: Readonly<Record<Outlook, PredictedTime>> | undefined;
      /** Only jobs that would end at another time: later, or with a minus earlier. `lateSeconds`: as above. */
      readonly delays: readonly { readonly name: string; readonly bySeconds: number; readonly lateSeconds: number }[];
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
  /** If the machine is left alone, and if it is as it has been; `spread` is then as it is now. */
  readonly others?: Readonly<Record<Exclude<Outlook, "now">, EndSpread>> | undefined;
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

/** What simulation says of a fleet with and without one more job, in data that can be copied: the costly part. */
export type ComerEffect =
  | { readonly admitted: false; readonly policy: string; readonly why: string; readonly isMisfit: boolean }
  | {
      readonly admitted: true;
      readonly policy: string;
      readonly startNs: number;
      /** By number, when jobs end with it and without it, as far as they do. */
      readonly withIt: readonly (readonly [number: number, endNs: number])[];
      readonly without: readonly (readonly [number: number, endNs: number])[];
      /** Of all, by number. */
      readonly jobs: readonly (readonly [number: number, job: Pick<FleetOutcome, "name" | "deadlineNs">])[];
    };

type Comer = Pick<WhatIfRequest, "now" | "job">;

/** The fleet with the job, which comes in that moment whatever it says of its arrival. */
function withComer({ now, job }: Comer): FleetNow {
  const request = { ...job.request, arrivalNs: now.state.atNs };
  const submitted: SimulatedJob = { ...job, request, iterations: job.predicted ?? request.iterations };
  // In front of all that is to come, so that it has the next number.
  return { ...now, toCome: [submitted, ...(now.toCome ?? [])] };
}

/** Simulates the fleet with the job and without it. Nothing is changed. */
export function comerEffect({ now, job }: Comer): ComerEffect {
  const { state } = now;
  const policy = now.policy.name;
  const number = state.numJobs;
  const shortfall = misfit(now, { ...job.request, arrivalNs: state.atNs });
  if (shortfall !== undefined) {
    const why = `it fits on no pipeline even alone: ${shortfallText(shortfall)}`;
    return { admitted: false, policy, why, isMisfit: true };
  }
  const refusals: string[] = [];
  const after = fleetFuture(withComer({ now, job }), ({ decisions }) => {
    for (const { kind, number: of, why } of decisions) if (kind === "refuse" && of === number) refusals.push(why);
  });
  if (refusals.length > 0) return { admitted: false, policy, why: refusals[0]!, isMisfit: false };
  // Those that come keep their numbers.
  const before = endsOf(fleetFuture({ ...now, state: { ...state, numJobs: number + 1 } }));
  return {
    ...{ admitted: true, policy, withIt: [...endsOf(after)], without: [...before] },
    startNs: after.outcomes.find((outcome) => outcome.number === number)!.startNs!,
    jobs: after.outcomes.map(({ number: own, name, deadlineNs }) => [own, { name, deadlineNs }] as const),
  };
}

/**
 * What would happen if a job came now, by simulation of the fleet with and without it. Nothing is changed. The policy
 * that decides is asked as if it had come in that moment, whatever the job says of its arrival. `effect`: where it is
 * known already.
 */
export function whatIf(
  { now, job, spread, others, memoryTable }: WhatIfRequest,
  effect: ComerEffect = comerEffect({ now, job }),
): WhatIfAnswer {
  const { policy } = effect;
  if (!effect.admitted) {
    const detail = effect.isMisfit && memoryTable !== undefined ? { detail: memoryTable() } : {};
    return { admitted: false, policy, why: effect.why, ...detail };
  }
  const { atNs, numJobs: number } = now.state;
  const middle = middlePath(spread.paths, spread.draws);
  /** When that is which is predicted for a time. */
  const then = (ns: number): number => atNs + middle(Math.max(0, ns - atNs));
  const [before, withIt, jobs] = [new Map(effect.without), new Map(effect.withIt), new Map(effect.jobs)];
  /** How long after its deadline a job ends. */
  const lateSeconds = (of: number, endNs: number): number =>
    Math.max(0, endNs - (jobs.get(of)!.deadlineNs ?? Number.POSITIVE_INFINITY)) / SECOND;
  const delays = effect.withIt.flatMap(([other, endNs]) => {
    const beforeNs = before.get(other);
    if (beforeNs === undefined || endNs === beforeNs) return [];
    const [end, bySeconds] = [then(endNs), (then(endNs) - then(beforeNs)) / SECOND];
    return [{ name: jobs.get(other)!.name, bySeconds, lateSeconds: lateSeconds(other, end) }];
  });
  const endOf = (own: EndSpread): PredictedTime => {
    const end = predictEnds(withComer({ now, job }), own, withIt).find((each) => each.number === number)!;
    return { seconds: end.endNs / SECOND, low: end.lowNs / SECOND, high: end.highNs / SECOND };
  };
  const end = endOf(spread);
  const outlooks = others && { alone: endOf(others.alone), now: end, been: endOf(others.been) };
  return {
    admitted: true,
    policy,
    asOfSeconds: atNs / SECOND,
    startSeconds: then(effect.startNs) / SECOND,
    end,
    lateSeconds: lateSeconds(number, SECOND * end.seconds),
    ...(outlooks === undefined ? {} : { outlooks }),
    delays,
  };
}
