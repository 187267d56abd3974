import {
  type AskedEvent,
  type CostModel,
  type FleetEvent,
  type FleetOutcome,
  FleetOutcomes,
  FleetPaging,
  type FleetWork,
  type JobRequest,
  type JournalLine,
  measurementOf,
  type Scheduler,
  type Setting,
  type StateBytes,
} from "../../plan/index.ts";
import { type ActionFleetInput, type FleetRequest, runFleetActions } from "./run-actions.ts";

/** What of a fleet no scheduler decides. */
export interface Happenings {
  /** By number. */
  readonly requests: readonly JobRequest[];
  /** What somebody asked for, in the order of its times. */
  readonly asked: readonly FleetRequest[];
  /** What was seen of a job's losses when so many of its iterations had ended. */
  readonly seen: (number: number, done: number) => readonly FleetEvent[];
  /** Bytes that a job was last seen to take of each device of a pipeline, if it was measured there. */
  readonly taken: (number: number, pipeline: number) => readonly number[] | undefined;
}

/** Whether somebody asks for it at some time; it follows from an iteration otherwise. */
function isAsked(event: FleetEvent): event is AskedEvent {
  // A job is halved by the losses of others, too.
  if (event.kind === "stop") return event.by !== "early-stopping";
  return event.kind === "pause" || event.kind === "unpause" || event.kind === "priority";
}

/** What happened in a fleet from outside, and what its jobs showed, as its journal tells. */
export function happeningsOf(journal: readonly JournalLine[]): Happenings {
  const requests: JobRequest[] = [];
  const asked: FleetRequest[] = [];
  const done = new Map<number, number>();
  const seen = new Map<string, FleetEvent[]>();
  const pipelineOf = new Map<number, number>();
  const taken = new Map<string, readonly number[]>();
  for (const { atNs, events, decisions } of journal) {
    for (const event of events) if (event.kind === "progress") done.set(event.number, event.done);
    for (const event of events) {
      if (event.kind === "arrived") requests[event.number] = event.request;
      else if (isAsked(event)) asked.push({ atNs: event.askedNs ?? atNs, event });
      else if (event.kind === "measured") taken.set(`${event.number} ${pipelineOf.get(event.number)}`, event.bytes);
      else if (event.kind !== "progress" && event.kind !== "ended" && event.kind !== "restored") {
        const key = `${event.number} ${done.get(event.number) ?? 0}`;
        seen.set(key, [...(seen.get(key) ?? []), event]);
      }
    }
    for (const { kind, number, pipeline } of decisions)
      if (kind === "start" || kind === "resume") pipelineOf.set(number, pipeline!);
  }
  asked.sort((a, b) => a.atNs - b.atNs);
  return {
    requests,
    asked,
    seen: (number, count) => seen.get(`${number} ${count}`) ?? [],
    taken: (number, pipeline) => taken.get(`${number} ${pipeline}`),
  };
}

export interface FleetTwinInput extends Pick<ActionFleetInput, "onSegment" | "onRun" | "sharing" | "clocks"> {
  readonly setting: Setting;
  readonly costs: CostModel;
  /** By number. */
  readonly works: readonly FleetWork[];
  readonly happenings: Happenings;
  /** With the policy that is to decide; it has seen nothing yet. */
  readonly scheduler: Scheduler;
}

export interface FleetTwin {
  readonly journal: readonly JournalLine[];
  /** In the order of arrival. */
  readonly outcomes: readonly FleetOutcome[];
  /** The most bytes of states of jobs on no device. */
  readonly mostStates: StateBytes;
}

/**
 * A fleet that was executed, simulated action by action: the same jobs come at the same times, the same is asked for,
 * their losses say the same after the same iterations, and where sizes are learned they take the same of a pipeline, or
 * what is predicted where they were not measured; all else is decided anew.
 * @throws InvariantError where jobs are left that nobody starts
 */
export function fleetTwin({ happenings, works, ...input }: FleetTwinInput): FleetTwin {
  const { requests, asked, seen, taken } = happenings;
  const journal: JournalLine[] = [];
  const outcomes = new FleetOutcomes();
  const { setting, scheduler } = input;
  const paging = new FleetPaging(setting, works, () => scheduler.coming());
  runFleetActions({
    ...input,
    paging,
    jobs: requests.map((request, number) => ({ work: works[number]!, request })),
    requests: asked,
    follow: (number, done) => [
      ...measurementOf(input.scheduler, number, (pipeline) => taken(number, pipeline)),
      ...seen(number, done),
    ],
    onLine(line) {
      journal.push(line);
      outcomes.add(line);
    },
  });
  return { journal, outcomes: outcomes.all(), mostStates: paging.peak };
}
