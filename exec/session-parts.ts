import type { EventNumbers } from "./event-numbers.ts";
import type { Lowering } from "./lowering.ts";
import type { NormCells } from "./norm-cells.ts";
import type { SessionJobs } from "./session-jobs.ts";
import type { StageRunner } from "./stage-runner.ts";

/** What is made before a session, since its stages ask for it. */
export interface SessionParts {
  readonly events: EventNumbers;
  readonly startEvent: number;
  readonly lowering: Lowering;
  readonly cells: NormCells;
  readonly jobs: SessionJobs;
  readonly runners: readonly StageRunner[];
}
