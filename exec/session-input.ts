import type { Row } from "../datasets/index.ts";
import type { Setting } from "../plan/index.ts";
import type { AdapterState } from "./adapters.ts";
import type { Divergence } from "./divergence.ts";
import type { BestEvaluation, EvaluationMetrics } from "./evaluations.ts";
import type { SeenAction, SeenLoss } from "./executed-trace.ts";
import type { RunProgress } from "./execution.ts";
import type { JobState } from "./job-states.ts";
import type { LostPipeline } from "./lost-pipeline.ts";
import type { BaseModel } from "./model-folder.ts";
import type { AdapterPair } from "./peft.ts";
import type { ProductMeasurement } from "./products.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** What a job trains on, and from. */
export interface JobInput {
  readonly rows: readonly Row[];
  readonly start: AdapterState;
  /** What was best of it, where it goes on from an earlier run. */
  readonly best?: BestEvaluation | undefined;
}

export interface SessionInput {
  readonly setting: Setting;
  readonly model: BaseModel;
  /** Report the time of each operator of each run. */
  readonly profile?: boolean;
  /** Measure the ways of products; those of the setting's calibration are taken when absent. */
  readonly measureProducts?: ProductMeasurement;
  /** Sample the devices' speed between actions, every so many nanoseconds; never when absent. */
  readonly sampleEveryNs?: number;
  /** Once all weights are loaded, before anything is trained, told their digest; what it throws ends the run. */
  readonly onWeights?: (digest: string) => void;
  /** Called when the first action may begin. */
  readonly onStart?: () => void;
  readonly onStep?: (metrics: StepMetrics) => void;
  readonly onEvaluation?: (metrics: EvaluationMetrics) => void;
  readonly onLoss?: (loss: SeenLoss) => void;
  readonly onProgress?: (progress: RunProgress) => void;
  /** What the devices have reported, as it comes; more segments may be appended then. */
  readonly onCompletions?: (batch: readonly SeenAction[]) => void;
  /** A job has ended, with its adapter, all layers, while others go on; and what was best of it, if it was evaluated. */
  readonly onJobEnd?: (job: number, adapter: readonly AdapterPair[], best: BestEvaluation | undefined) => void;
  /** A job was stopped: nothing of it is computed any more, and its adapter is worth nothing. It ends as planned. */
  readonly onDiverged?: (job: number, divergence: Divergence) => void;
  /** Whether the states of the jobs are wanted now. Asked as the devices report. */
  readonly wantsStates?: () => boolean;
  /** They are also wanted of each so many-th step of a job since it was told of; not when absent, or 0. */
  readonly statesEverySteps?: number;
  /** They are there, by job, each at a step of its own: of all that have made one and not ended before they were asked for. */
  readonly onStates?: (states: ReadonlyMap<number, JobState>) => void;
  /** A job was taken from the devices (`take`). */
  readonly onTaken?: (job: number, state: AdapterState) => void;
  /** Once a pipeline, but for the last one that goes on: then the run fails at once. */
  readonly onLost?: (lost: LostPipeline) => void;
  /** Ends the run early when it aborts: mini-batches that have begun are finished, no other begins. */
  readonly stop?: AbortSignal;
}
