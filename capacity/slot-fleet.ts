import {
  type Candidate,
  type FleetJob,
  FleetOutcomes,
  type JournalLine,
  policyOf,
  type Resources,
  Scheduler,
} from "../plan/index.ts";
import { FleetRun, type FleetTimes, type SimulatedJob } from "../sim/index.ts";
import type { DrawnJob } from "./draw-jobs.ts";
import type { SlotTimes } from "./slot-times.ts";

/** A candidate's slots, and how jobs go on there. */
export interface SlotFleet {
  readonly numSlots: number;
  readonly jobsAtOnce: number;
  readonly policy: Candidate["policy"];
  readonly times: SlotTimes;
  /** From a job's start to its first step. */
  readonly startSeconds: number;
  /** Expected seconds for work of so many, where accelerators may be taken away. */
  readonly expectedSeconds: (seconds: number) => number;
  /** What the model's times are multiplied with. */
  readonly factor: number;
  /** What a job's expected time is multiplied with, as interruptions are drawn. */
  readonly luckOf: (job: DrawnJob) => number;
  /** By kind, from coming to its level's hours. */
  readonly deadlineSeconds: readonly number[];
  /** Over which jobs come. */
  readonly spanSeconds: number;
}

export interface SimulatedSlots {
  /** From coming to ending, in the order of the jobs; of one that is refused, as if it had waited for all others to come. */
  readonly turnaroundSeconds: readonly number[];
  /** By slot, seconds in which it trained. */
  readonly busySeconds: readonly number[];
}

const SECOND = 1e9;

/** Seconds of each step of jobs of some kinds that share a slot, their start and interruptions spread over their steps. */
function sharedSeconds(fleet: SlotFleet, jobs: readonly DrawnJob[]): readonly number[] {
  const { times, factor, startSeconds, expectedSeconds, luckOf } = fleet;
  const step = factor * times.stepSeconds(jobs.map(({ kind }) => kind));
  return jobs.map((job) => (luckOf(job) * expectedSeconds(startSeconds + job.steps * step)) / job.steps);
}

/** Seconds of a job that has a slot to itself, without interruptions. */
export function workSeconds({ startSeconds, factor, times }: SlotFleet, { kind, steps }: DrawnJob): number {
  return startSeconds + steps * factor * times.stepSeconds([kind]);
}

/** Seconds of a job that has a slot to itself. */
export function aloneSeconds(fleet: SlotFleet, job: DrawnJob): number {
  return job.steps * sharedSeconds(fleet, [job])[0]!;
}

function resourcesOf(fleet: SlotFleet, jobs: readonly DrawnJob[]): Resources {
  const { numSlots, jobsAtOnce, times } = fleet;
  const baseOf = ({ number }: FleetJob): string => times.kindOf(jobs[number]!.kind).base;
  return {
    numPipelines: numSlots,
    isSteady: true,
    shortfall(_, together) {
      if (together.length > jobsAtOnce) return { kind: "jobs", most: jobsAtOnce };
      const isOneBase = together.every((job) => baseOf(job) === baseOf(together[0]!));
      // A slot holds one base model at a time.
      return isOneBase ? undefined : { kind: "memory", device: "the slot", bytes: 1 };
    },
    kindOf: baseOf,
    iterationNs: ({ number }) => SECOND * sharedSeconds(fleet, [jobs[number]!])[0]!,
    nextBytes: () => 1,
    nextLength: () => 1,
  };
}

function simulatedJob(
  { times, deadlineSeconds }: SlotFleet,
  { kind: place, name, arrivalSeconds, steps }: DrawnJob,
): SimulatedJob {
  const { kind, tokens } = times.kindOf(place);
  const { priority, user = kind.name } = kind;
  const arrivalNs = Math.round(SECOND * arrivalSeconds);
  const deadlineNs = arrivalNs + Math.round(SECOND * deadlineSeconds[place]!);
  return {
    request: { name, user, priority, arrivalNs, deadlineNs, iterations: steps, tokens },
    iterations: steps,
  };
}

/** Jobs as they come, on the slots of a candidate, under the real scheduler, iteration by iteration. */
export function simulateSlots(
  fleet: SlotFleet,
  jobs: readonly DrawnJob[],
  onLine: (line: JournalLine) => void = () => {},
): SimulatedSlots {
  const { numSlots } = fleet;
  const resources = resourcesOf(fleet, jobs);
  const times: FleetTimes = {
    iterationNs: (_, together) =>
      sharedSeconds(
        fleet,
        together.map(({ number }) => jobs[number]!),
      ).map((seconds) => Math.max(1, Math.round(SECOND * seconds))),
  };
  const scheduler = new Scheduler(policyOf(fleet.policy, resources, {}), resources);
  const outcomes = new FleetOutcomes();
  new FleetRun(
    jobs.map((job) => simulatedJob(fleet, job)),
    scheduler,
    { numPipelines: numSlots, times, outcomes, onLine },
  ).run();
  return {
    turnaroundSeconds: outcomes
      .all()
      .map(({ arrivalNs, endNs }, job) =>
        endNs === undefined ? fleet.spanSeconds + aloneSeconds(fleet, jobs[job]!) : (endNs - arrivalNs) / SECOND,
      ),
    busySeconds: outcomes.busyNs(numSlots).map((ns) => ns / SECOND),
  };
}
