import {
  type AskedEvent,
  type CostModel,
  type FleetEvent,
  type FleetOutcome,
  FleetOutcomes,
  type FleetWork,
  type JobRequest,
  type JournalLine,
  type Scheduler,
  type Setting,
} from "../../plan/index.ts";
import { type ActionFleetInput, type FleetRequest, runFleetActions } from "./run-actions.ts";

/** What of a fleet no scheduler decides. */
export interface Happenings {
  /** By number. */
  readonly requests: readonly JobRequest[];
  /** What somebody asked for, in the order of its times. */
  readonly asked: readonly FleetRequest[];
  /** What was seen when so many iterations of a job had ended: of its losses, or of the memory that it takes. */
  readonly seen: (number: number, done: number) => readonly FleetEvent[];
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
  for (const { atNs, events } of journal) {
    for (const event of events) if (event.kind === "progress") done.set(event.number, event.done);
    for (const event of events) {
      if (event.kind === "arrived") requests[event.number] = event.request;
      else if (isAsked(event)) asked.push({ atNs: event.askedNs ?? atNs, event });
      else if (event.kind !== "progress" && event.kind !== "ended") {
        const key = `${event.number} ${done.get(event.number) ?? 0}`;
        seen.set(key, [...(seen.get(key) ?? []), event]);
      }
    }
  }
  asked.sort((a, b) => a.atNs - b.atNs);
  return { requests, asked, seen: (number, count) => seen.get(`${number} ${count}`) ?? [] };
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
}

/**
 * A fleet that was executed, simulated action by action: the same jobs come at the same times, the same is asked for,
 * and their losses say the same after the same iterations; all else is decided anew.
 * @throws InvariantError where jobs are left that nobody starts
 */
export function fleetTwin({ happenings, works, ...input }: FleetTwinInput): FleetTwin {
  const { requests, asked, seen } = happenings;
  const journal: JournalLine[] = [];
  const outcomes = new FleetOutcomes();
  runFleetActions({
    ...input,
    jobs: requests.map((request, number) => ({ work: works[number]!, request })),
    requests: asked,
    follow: seen,
    onLine(line) {
      journal.push(line);
      outcomes.add(line);
    },
  });
  return { journal, outcomes: outcomes.all() };
}
