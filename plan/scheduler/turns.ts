import type { FleetJob } from "./fleet-job.ts";

/** How jobs take their turns. */
export interface Turns {
  /** Jobs that fit go before one that does not, if that is among so many that are looked at. */
  readonly looksPast: number;
  readonly why: (job: FleetJob) => string;
}
