import type {
  CalibrationDocument,
  CatalogDocument,
  ClusterDocument,
  Dtype,
  Recompute,
  ScheduleName,
} from "../plan/index.ts";
import type { Surroundings } from "./surroundings.ts";

/** Where a workload runs, by what costs, and what is chosen in the planner's place. What is absent the planner chooses. */
export interface PlanOptions extends Surroundings {
  /** Devices of this machine, such as `["cpu:0", "cpu:1"]`, or abstract ones, `"unit*4"`; every core when absent. */
  readonly devices?: string | readonly string[] | undefined;
  /** A cluster document, or its file, in place of `devices`. */
  readonly cluster?: string | ClusterDocument | undefined;
  /** A catalog of devices, or its file, in front of the built-in one. */
  readonly catalog?: string | CatalogDocument | undefined;
  /** Measured costs, as `loratwin calibrate` writes them; nominal figures when absent, which `onNote` hears. */
  readonly calibration?: string | CalibrationDocument | undefined;
  /** How the base model's weights are kept; the workload's `model.dtype` when absent. */
  readonly dtype?: Dtype | undefined;
  readonly recompute?: Recompute | undefined;
  readonly schedule?: ScheduleName | "auto" | undefined;
  /** Chains of devices side by side, each with a copy of the base model and at least one job. */
  readonly pipelines?: number | "auto" | undefined;
  /** Micro-batches between forward and backward on a stage. */
  readonly maxInFlight?: number | "auto" | "none" | undefined;
  /** The most jobs that train at once on a pipeline. */
  readonly jobsAtOnce?: number | "auto" | "all" | undefined;
  /** Groups of jobs that share micro-batches; `"unfused"`: every job is alone. */
  readonly groups?: number | "auto" | "unfused" | undefined;
  /** Layers of each stage, in the order of the devices. */
  readonly layersPerStage?: readonly number[] | undefined;
  /** Reads every byte of the model's weights, so that training refuses other ones. */
  readonly verifyWeights?: boolean | undefined;
}
