import { type Candidate, type FleetJob, policyOf, type Resources, Scheduler } from "../plan/index.ts";
import { FleetRun, type FleetTimes } from "../sim/index.ts";
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
}

/** What becomes of a drawn job. */
export interface SlotOutcome {
  readonly job: DrawnJob;
  readonly turnaroundSeconds: number;
}

export interface SimulatedSlots {
  /** In the order of the jobs. */
  readonly outcomes: readonly SlotOutcome[];
  /** By slot, seconds in which it trained. */
  readonly busySeconds: readonly number[];
  /** When the last job ended. */
  readonly endSeconds: number;
}

export interface JobFacts extends Pick<DrawnJob, "kind" | "steps"> {
  readonly priority: number;
  readonly user: string;
  readonly tokens: number;
}

const SECOND = 1e9;

/** Seconds of each step of jobs of some kinds that share a slot, their start and interruptions spread over their steps. */
export function sharedSeconds(fleet: SlotFleet, jobs: readonly Pick<DrawnJob, "kind" | "steps">[]): readonly number[] {
  const { times, factor, startSeconds, expectedSeconds } = fleet;
  const step = factor * times.stepSeconds(jobs.map(({ kind }) => kind));
  return jobs.map(({ steps }) => expectedSeconds(startSeconds + steps * step) / steps);
}

function resourcesOf(fleet: SlotFleet, jobs: readonly JobFacts[]): Resources {
  const { numSlots, jobsAtOnce, times } = fleet;
  const baseOf = ({ number }: FleetJob): string => times.baseOf(jobs[number]!.kind);
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

/** Jobs as they come, on the slots of a candidate, under the real scheduler, iteration by iteration. */
export function simulateSlots(
  fleet: SlotFleet,
  drawn: readonly DrawnJob[],
  facts: readonly JobFacts[],
): SimulatedSlots {
  const resources = resourcesOf(fleet, facts);
  const busyNs = Array.from({ length: fleet.numSlots }, () => 0);
  const times: FleetTimes = {
    iterationNs: (_, jobs) =>
      sharedSeconds(
        fleet,
        jobs.map(({ number }) => facts[number]!),
      ).map((seconds) => Math.max(1, Math.round(SECOND * seconds))),
  };
  const scheduler = new Scheduler(policyOf(fleet.policy, resources, {}), resources);
  const onSlot = Array.from({ length: fleet.numSlots }, () => ({ count: 0, sinceNs: 0 }));
  const moved = (slot: number, by: number, atNs: number): void => {
    const own = onSlot[slot]!;
    if (own.count === 0 && by > 0) own.sinceNs = atNs;
    own.count += by;
    if (own.count === 0 && by < 0) busyNs[slot]! += atNs - own.sinceNs;
  };
  const slotOf = new Map<number, number>();
  const run = new FleetRun(
    drawn.map(({ name, arrivalSeconds, steps }, number) => ({
      request: {
        name,
        user: facts[number]!.user,
        priority: facts[number]!.priority,
        arrivalNs: Math.round(SECOND * arrivalSeconds),
        deadlineNs: null,
        iterations: steps,
        tokens: facts[number]!.tokens,
      },
      iterations: steps,
    })),
    scheduler,
    {
      numPipelines: fleet.numSlots,
      times,
      onLine({ atNs, events, decisions }) {
        for (const { kind, number } of events)
          if (kind === "ended") {
            moved(slotOf.get(number)!, -1, atNs);
            slotOf.delete(number);
          }
        for (const { kind, number, pipeline } of decisions)
          if (kind === "start" || kind === "resume") {
            slotOf.set(number, pipeline!);
            moved(pipeline!, 1, atNs);
          } else if (kind === "preempt") {
            moved(slotOf.get(number)!, -1, atNs);
            slotOf.delete(number);
          }
      },
    },
  );
  const { outcomes, makespanNs } = run.run();
  return {
    outcomes: outcomes.map(({ number, arrivalNs, endNs }) => ({
      job: drawn[number]!,
      turnaroundSeconds: endNs === undefined ? Number.POSITIVE_INFINITY : (endNs - arrivalNs) / SECOND,
    })),
    busySeconds: busyNs.map((ns) => ns / SECOND),
    endSeconds: makespanNs / SECOND,
  };
}
