import { InputError, PlanError } from "../core/index.ts";
import type { Row } from "../datasets/index.ts";
import {
  type AdapterPair,
  type AdapterState,
  FleetExecution,
  initialPairs,
  readPeftFolder,
  type StepMetrics,
} from "../exec/index.ts";
import {
  createCostModel,
  FleetPlan,
  type FleetWork,
  type Job,
  type JobRequest,
  type JournalLine,
  type PlannedRow,
  type Policy,
  Scheduler,
  type Setting,
} from "../plan/index.ts";
import { type FleetModel, fleetModel } from "../sim/index.ts";
import { FleetFolder } from "./fleet-folder.ts";

/** Where a live job is, or how it ended. */
export type LiveStanding =
  | "waiting"
  | "running"
  | "leaving"
  | "preempted"
  | "paused"
  | "ended"
  | "stopped"
  | "cancelled"
  | "refused";

/** What a live fleet knows of a job; times are in nanoseconds since the devices were ready. */
export interface LiveJob {
  readonly number: number;
  readonly job: Job;
  readonly standing: LiveStanding;
  readonly done: number;
  readonly iterations: number;
  readonly priority: number;
  readonly pipeline: number | undefined;
  readonly arrivalNs: number;
  readonly startNs: number | undefined;
  readonly endNs: number | undefined;
  /** Of the last iteration. */
  readonly loss: number | undefined;
  /** The reason of the last decision about it. */
  readonly why: string;
  /** The folder of its adapter, once it is over and has trained. */
  readonly adapter: string | undefined;
}
