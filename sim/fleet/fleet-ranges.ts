import { type Interval, intervalOf } from "../../traces/index.ts";
import type { Reports } from "./run-fleet.ts";
import { type FleetMember, type FleetRequest, modelOfFleet, simulateFleet } from "./simulate-fleet.ts";
import type { TimePath, TimePaths } from "./time-paths.ts";

/** Between which times a job starts and ends in `level` of the runs that might be; null for one that never does. */
export interface JobRange {
  readonly name: string;
  readonly startSeconds: Interval | null;
  readonly endSeconds: Interval | null;
}

/** The runs that might be of a fleet. */
export interface FleetDraws {
  readonly paths: TimePaths;
  readonly draws: number;
  readonly level: number;
  /** As `FleetRun` has it, of a draw. */
  readonly reports?: (draw: number) => Reports;
}

/** Devices that are busy tell what has ended so often (`kReportNs` of the runtime). */
export const REPORTED_NS = 100e6;

/** Halvings until a time is known to the nanosecond. */
const HALVINGS = 60;

/** What a machine that goes along a path has done by a time; the path never goes back. */
function workBy(path: TimePath, ns: number): number {
  let high = Math.max(ns, 1);
  while (path(high) < ns) high *= 2;
  let low = 0;
  for (let halving = 0; halving < HALVINGS && high - low > 0.5; halving += 1) {
    const middle = (low + high) / 2;
    if (path(middle) < ns) low = middle;
    else high = middle;
  }
  // No earlier, so that nobody starts before it comes.
  return Math.ceil(high);
}

/** A job that comes, and has to have ended, when a machine that goes along a path has done so much. */
function memberAlong(path: TimePath, { arrival, ...member }: FleetMember): FleetMember {
  const { arrivalNs, deadlineNs } = arrival;
  const at = (ns: number): number => (ns === 0 ? 0 : workBy(path, ns));
  return { ...member, arrival: { ...arrival, arrivalNs: at(arrivalNs), deadlineNs: deadlineNs && at(deadlineNs) } };
}

/**
 * When the jobs of a fleet start and end on a machine whose speed moves: the fleet is simulated along paths of it, so that
 * jobs come earlier or later in what has been done, and the scheduler decides anew in each. In the order of arrival.
 */
export function fleetRanges(request: FleetRequest, { paths, draws, level, reports }: FleetDraws): readonly JobRange[] {
  const known = { ...request, model: request.model ?? modelOfFleet(request) };
  const runs = Array.from({ length: draws }, (_, draw) => {
    const path = paths(draw);
    const { outcomes } = simulateFleet({
      ...known,
      ...(reports === undefined ? {} : { reports: reports(draw) }),
      members: request.members.map((member) => memberAlong(path, member)),
    });
    return new Map(
      outcomes.map(({ name, startNs, endNs }) => [name, [startNs, endNs].map((ns) => ns && path(ns) / 1e9)] as const),
    );
  });
  const [first] = runs;
  return [...first!.keys()].map((name) => {
    const rangeOf = (at: 0 | 1): Interval | null => {
      const times = runs.flatMap((run) => run.get(name)?.[at] ?? []);
      return times.length === 0 ? null : intervalOf(times, level);
    };
    return { name, startSeconds: rangeOf(0), endSeconds: rangeOf(1) };
  });
}
