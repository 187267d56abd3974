import type { Setting } from "../plan/index.ts";
import type { AdapterState } from "./adapters.ts";
import type { BaseModel } from "./model-folder.ts";
import type { ProductMeasurement } from "./products.ts";
import type { RunListener } from "./run-event.ts";

/** How often devices sample their speed: one that never waits gives about two thousandths of its time to that. */
export const SAMPLE_EVERY_NS = 100e6;

export interface SessionInput {
  readonly setting: Setting;
  readonly model: BaseModel;
  /** Report the time of each operator of each run. */
  readonly profile?: boolean;
  /** Measure the ways of products; those of the setting's calibration are taken when absent. */
  readonly measureProducts?: ProductMeasurement;
  /** Sample the devices' speed between actions, every so many nanoseconds; never when absent. */
  readonly sampleEveryNs?: number;
  readonly onEvent?: RunListener;
  /** Whether the states of the jobs are wanted now. Asked as the devices report. */
  readonly wantsStates?: () => boolean;
  /** They are also wanted of each so many-th step of a job since it was told of; not when absent, or 0. */
  readonly statesEverySteps?: number;
  /** Keeps the state of a job that was taken, and takes the place of what was kept of it; as it is when absent. */
  readonly keep?: (job: number, state: AdapterState) => AdapterState;
  /** Ends the run early when it aborts: mini-batches that have begun are finished, no other begins. */
  readonly stop?: AbortSignal;
}
