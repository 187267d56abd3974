import type { MemoryFits } from "../memory/fitted-memory.ts";
import type { FleetJob } from "./fleet-job.ts";
import type { Resources } from "./resources.ts";

/**
 * All that a scheduler knows at a time, as JSON holds it: one that starts from it decides from there on what the one
 * that it was taken of decides.
 */
export interface SchedulerState {
  /** Whose memory it is; under another policy a scheduler starts with that one's own. */
  readonly policy: string;
  readonly memory: unknown;
  readonly nowNs: number;
  /** Lines of its journal. */
  readonly line: number;
  /** Events so far that are more than progress. */
  readonly changes: number;
  /** Jobs that have come and not ended. */
  readonly jobs: readonly FleetJob[];
  /** Held jobs that a decision is due for, in the order in which they are looked at. */
  readonly held: readonly number[];
  /** Jobs that have ended an iteration at `nowNs`, and not begun the next. */
  readonly between: readonly number[];
  /** Jobs that were seen to take more than was kept for them, and may have to go, with the bytes. */
  readonly grown: readonly (readonly [number: number, bytes: number])[];
  /** Tokens that users' jobs have trained. */
  readonly served: Readonly<Record<string, number>>;
  /** What was learned of the memory that jobs take; absent where nobody measures. */
  readonly fits?: MemoryFits;
}

/** The machines as they are known in a state. */
export function resourcesAt(resources: Resources, { fits }: Pick<SchedulerState, "fits">): Resources {
  const { learning } = resources;
  return learning === undefined || fits === undefined || fits === learning.fits ? resources : learning.withFits(fits);
}
