import type { JobRows } from "../actions/job-rows.ts";
import type { CostModel } from "../costs/cost-model.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { Calibration } from "../documents/calibration.ts";
import type { ResolvedDevice, ResolvedLink } from "../documents/cluster.ts";
import type { Dtype } from "../documents/dtype.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { ScheduleName } from "../documents/setting.ts";
import type { Job, Recompute } from "../documents/workload.ts";
import type { ProgramMemory } from "../memory/program-memory.ts";

/** What a plan is asked for. What it leaves open the planner searches, by predicted time. */
export interface PlanRequest {
  readonly architecture: Architecture;
  readonly dtype: Dtype;
  readonly modelDigest: string | null;
  /** Of the bytes of its weights, where somebody asked for it. */
  readonly weightsDigest?: string | undefined;
  /** `auto`: as many layers of each stage as the time is worth. */
  readonly recompute: Recompute;
  /** Jobs that say neither `microBatchSize` nor `microBatchTokens` are cut as the planner finds best. */
  readonly jobs: readonly Job[];
  /** Rows of each job, in job order. */
  readonly rows: readonly JobRows[];
  readonly devices: readonly ResolvedDevice[];
  /** links[s] joins devices s and s + 1. */
  readonly links: readonly ResolvedLink[];
  readonly calibration: Calibration;
  readonly schedule: ScheduleName | "auto";
  readonly maxInFlight: "auto" | "none" | number;
  /** BatchLoRA groups: `auto` shares as much as the cost model says that it saves time, `unfused` is one a job. */
  readonly groups: "auto" | "unfused" | number;
  /**
   * The most jobs that train at once: fewer leave more memory to each. `auto`: as memory asks for; all where absent.
   */
  readonly jobsAtOnce?: number | "auto" | "all";
  /** Layers of each stage, where they are given; else the planner divides them. */
  readonly layersPerStage?: readonly number[];
  /** What the program takes of a device beside the executor's layouts; nothing where absent. */
  readonly program?: ProgramMemory;
  /** How many chains the devices are divided into, each with a copy of the base model; absent for one. */
  readonly pipelines?: number | "auto";
  /**
   * By device, where it is of one pipeline of several: bytes of weights that it needs but another pipeline's device of
   * the same memory holds, so that it may hold as much more of its own.
   */
  readonly sharedBytes?: readonly number[];
  /**
   * Nanoseconds of a plan's run, from a simulator: the judge of plans that the planner's own timeline finds nearly
   * equal. Without it the timeline decides, which knows neither links that are shared nor devices that slow each other.
   */
  readonly simulatedNs?: (plan: PlanBody) => number;
  /** Of its calibration, where somebody has it (`requestCosts`). */
  readonly costModel?: CostModel;
}

/** A request with the cost model of its calibration, and one schedule. */
export interface Costed extends PlanRequest {
  readonly schedule: ScheduleName;
  readonly costModel: CostModel;
}
