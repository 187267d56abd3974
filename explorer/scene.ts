import type { Dtype, PolicyName, Recompute, ScheduleName } from "../plan/index.ts";
import type { ComparisonSchedule } from "../studies/index.ts";

/** Which projections of a layer an adapter is on. */
export type Targets = "queries and values" | "attention" | "all";

/** One machine: GPUs of one type, and the link between them. */
export interface SceneMachine {
  /** A GPU of the catalog, or `unit` for abstract devices. */
  readonly type: string;
  readonly count: number;
  /** A link of the catalog; empty for what the GPU has. */
  readonly link: string;
  /** One link for all pairs of devices, instead of one for each. */
  readonly shared: boolean;
}

/** Adapters that are alike. */
export interface SceneJobs {
  readonly name: string;
  readonly copies: number;
  readonly rank: number;
  readonly targets: Targets;
  readonly batchSize: number;
  /** Rows of a micro-batch; 0 leaves it to the planner. */
  readonly microBatchSize: number;
  readonly steps: number;
  /** Tokens of a row: their mean, how far the logarithm spreads (0: all rows alike), and where rows are cut. */
  readonly tokens: number;
  readonly spread: number;
  readonly mostTokens: number;
  /** Under a policy: when the first of them comes, and how much later each other one. */
  readonly arrivalSeconds: number;
  readonly apartSeconds: number;
  /** Under a policy: the higher, the sooner. */
  readonly priority: number;
  /** Whose they are; empty for nobody's. */
  readonly user: string;
  /** By when each is to have ended, from when it comes; 0 for no deadline. */
  readonly deadlineSeconds: number;
}

export type ScenePolicy = PolicyName | "none";

/** Where times come from: the catalog, the paper's evaluation, or a calibration file of a person, which no address has. */
export const CALIBRATIONS = ["catalog", "paper", "own"] as const;
export type SceneCalibration = (typeof CALIBRATIONS)[number];

/** Whether all machines share one network, or each has a port of its own at a switch. */
export const NETWORKS = ["one for all", "a switch"] as const;

/** How messages between stages travel, as cluster files have it. */
export const TRANSFERS = ["overlapped", "synchronous", "blocking"] as const;

/** What messages are rounded to: nothing, or bfloat16. */
export const MESSAGES = ["as computed", "bfloat16"] as const;

/** All that a person can change: what is trained on what, and how. */
export interface Scene {
  readonly model: string;
  readonly dtype: Dtype;
  readonly recompute: Recompute;
  readonly machines: readonly SceneMachine[];
  readonly calibration: SceneCalibration;
  /** Between machines. */
  readonly networkGigabits: number;
  readonly networkMicroseconds: number;
  readonly network: (typeof NETWORKS)[number];
  /** Over all links. */
  readonly transfers: (typeof TRANSFERS)[number];
  readonly messages: (typeof MESSAGES)[number];
  readonly jobs: readonly SceneJobs[];
  /** `auto`, one of a plan, or one that is simulated only. */
  readonly schedule: ScheduleName | ComparisonSchedule | "auto";
  readonly pipelines: "auto" | number;
  readonly groups: "auto" | "unfused" | number;
  readonly maxInFlight: "auto" | "none" | number;
  readonly jobsAtOnce: "auto" | "all" | number;
  /** Layers of each stage of a pipeline with commas between them; empty for the planner's choice. */
  readonly layersPerStage: string;
  /** Who says which adapters train when; `none`: all are there from the start, and a plan orders them. */
  readonly policy: ScenePolicy;
  /** Of one device, in whatever currency. */
  readonly pricePerHour: number;
}

/** Devices of all machines together. */
export function numDevices({ machines }: Pick<Scene, "machines">): number {
  return machines.reduce((sum, { count }) => sum + count, 0);
}

/** Adapters of all kinds together. */
export function numJobs({ jobs }: Pick<Scene, "jobs">): number {
  return jobs.reduce((sum, { copies }) => sum + copies, 0);
}

/** The same scene with one more device like the last. */
export function withOneMore(scene: Scene): Scene {
  const last = scene.machines.at(-1)!;
  return { ...scene, machines: [...scene.machines.slice(0, -1), { ...last, count: last.count + 1 }] };
}

/** What of the scene's devices costs an hour. */
export function hourlyPrice(scene: Pick<Scene, "machines" | "pricePerHour">): number {
  return scene.pricePerHour * numDevices(scene);
}
