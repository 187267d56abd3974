import type { Row } from "../datasets/index.ts";
import type { DeviceStatistics, ProductChoices } from "../native/index.ts";
import type { Plan } from "../plan/index.ts";
import type { Trace } from "../traces/index.ts";
import type { Divergence } from "./divergence.ts";
import type { PastLosses } from "./early-stops.ts";
import type { BestEvaluation, EvaluationMetrics } from "./evaluations.ts";
import type { JobState } from "./job-states.ts";
import type { BaseModel } from "./model-folder.ts";
import type { AdapterPair } from "./peft.ts";
import type { ProductMeasurement } from "./products.ts";
import type { MachineClock } from "./ranks/rank-clock.ts";
import type { RunProfile } from "./record-completions.ts";
import type { EarlyStop, RunListener } from "./run-event.ts";
import type { StageHost } from "./stage-host.ts";
import type { StageRunner } from "./stage-runner.ts";
import type { StepMetrics } from "./step-metrics.ts";

export interface ExecuteInput {
  readonly plan: Plan;
  readonly model: BaseModel;
  /** Rows of each job, in job order. */
  readonly rows: readonly (readonly Row[])[];
  /** By job: the adapter that it starts from. */
  readonly start: readonly (readonly AdapterPair[])[];
  /** By job, where it goes on from an earlier run: what that has left of it, in place of its start. */
  readonly from?: readonly (JobState | undefined)[];
  /** What earlier parts of the run have told of the steps before. */
  readonly past?: PastLosses;
  /** Jobs that were stopped in an earlier part, and are there for those that they share micro-batches with. */
  readonly stopped?: ReadonlySet<number>;
  readonly versions: Readonly<Record<string, string>>;
  /** Where the stages run, given back at the end; this machine's devices when absent. */
  readonly host?: StageHost;
  /** A plan's segments are appended while fewer actions than these are ahead; 2048 when absent. */
  readonly actionsAhead?: number;
  /** Report the time of each operator of each run. */
  readonly profile?: boolean;
  /** Measure the ways of products; those of the plan's calibration are taken when absent. */
  readonly measureProducts?: ProductMeasurement;
  /** Sample the devices' speed between actions, every so many nanoseconds; never when absent. */
  readonly sampleEveryNs?: number;
  readonly onEvent?: RunListener;
  /** Whether the states of the jobs are wanted now: asked as the devices report. */
  readonly wantsStates?: () => boolean;
  /** They are also wanted of each so many-th step of a job since it was told of; not when absent, or 0. */
  readonly statesEverySteps?: number;
  /** Ends the run early when it aborts: mini-batches that have begun are finished, no other begins. */
  readonly stop?: AbortSignal;
}

export interface ExecuteResult {
  readonly trace: Trace;
  readonly metrics: readonly StepMetrics[];
  readonly evaluations: readonly EvaluationMetrics[];
  /** Whether the run was ended before the plan's end. */
  readonly endedEarly: boolean;
  /** By job: why it was stopped; undefined for one that trained as planned. */
  readonly diverged: readonly (Divergence | undefined)[];
  /** By job that has trained no further, its last step, from 0. */
  readonly lastSteps: ReadonlyMap<number, number>;
  /** By job: where and why it ended before its last step; undefined for one that did not. */
  readonly stopped: readonly (EarlyStop | undefined)[];
  /** By job: the trained adapter, all layers. */
  readonly adapters: readonly (readonly AdapterPair[])[];
  /** By job: what was best of it; undefined for one that was not evaluated. */
  readonly best: readonly (BestEvaluation | undefined)[];
  /** Of other machines, how their clocks went. */
  readonly clocks: readonly MachineClock[];
  /** By stage. */
  readonly statistics: readonly DeviceStatistics[];
  /** The ways of products that the devices took or measured; `undefined` where they have one. */
  readonly products: ProductChoices | undefined;
  /** By stage: the operators of the programs that ran. */
  readonly operators: readonly StageRunner["operators"][];
  /** With `profile`: one entry a forward or backward. */
  readonly profiles: readonly RunProfile[];
}
