// What each field of a scene may be: the one table behind the inputs of the page and the check of an address.
import { CALIBRATIONS, MESSAGES, NETWORKS, type Scene, type SceneJobs, type SceneMachine, TRANSFERS } from "./scene.ts";

/** A number within bounds; `word`s stand beside it where something else than a number can be said. */
export interface NumberField {
  readonly kind: "number";
  readonly label: string;
  readonly least: number;
  readonly most: number;
  readonly step: number;
  readonly words?: readonly string[];
}

/** One of several texts; which ones, the choices of the page say where `from` names them. */
export interface ChoiceField {
  readonly kind: "choice";
  readonly label: string;
  readonly from?: keyof SceneChoices;
  readonly words?: readonly string[];
}

export interface FlagField {
  readonly kind: "flag";
  readonly label: string;
}

export interface NameField {
  readonly kind: "name";
  readonly label: string;
  /** Whether it may be left empty. */
  readonly isOptional?: true;
}

/** Whole numbers of at least 1 with commas between them, or nothing. */
export interface ListField {
  readonly kind: "list";
  readonly label: string;
}

export type Field = NumberField | ChoiceField | FlagField | NameField | ListField;

/** Names that come from the planner's own tables. */
export interface SceneChoices {
  readonly models: readonly string[];
  /** By name, with its memory; null where nobody knows. */
  readonly devices: readonly string[];
  readonly links: readonly string[];
  readonly schedules: readonly string[];
  readonly dtypes: readonly string[];
  readonly recomputes: readonly string[];
  readonly policies: readonly string[];
}

export type Fields<Subject> = { readonly [Key in keyof Subject]: Field };

function whole(label: string, least: number, most: number, words?: readonly string[]): NumberField {
  return { kind: "number", label, least, most, step: 1, ...(words === undefined ? {} : { words }) };
}

/** The page has to answer while a person waits: the command line takes more of everything. */
export const MOST = { machines: 4, devices: 32, kinds: 6, jobs: 32, rows: 20_000 } as const;

export const MACHINE_FIELDS: Fields<SceneMachine> = {
  type: { kind: "choice", label: "GPU", from: "devices" },
  count: whole("GPUs", 1, MOST.devices),
  link: { kind: "choice", label: "Link", from: "links" },
  shared: { kind: "flag", label: "One link for all" },
};

export const JOBS_FIELDS: Fields<SceneJobs> = {
  name: { kind: "name", label: "Name" },
  copies: whole("Adapters", 1, MOST.jobs),
  rank: whole("Rank", 1, 1024),
  targets: { kind: "choice", label: "On", words: ["queries and values", "attention", "all"] },
  batchSize: whole("Batch", 1, 256),
  microBatchSize: whole("Micro-batch", 0, 256),
  steps: whole("Steps", 1, 2000),
  tokens: whole("Tokens, mean", 2, 16_384),
  spread: { kind: "number", label: "Spread", least: 0, most: 2, step: 0.1 },
  mostTokens: whole("Cut at", 2, 16_384),
  arrivalSeconds: { kind: "number", label: "First comes at, s", least: 0, most: 1e6, step: 0.1 },
  apartSeconds: { kind: "number", label: "Others each, s later", least: 0, most: 1e6, step: 0.1 },
  priority: whole("Priority", -100, 100),
  user: { kind: "name", label: "User", isOptional: true },
  deadlineSeconds: { kind: "number", label: "Deadline, s", least: 0, most: 1e6, step: 0.1 },
};

export type SceneSettings = Omit<Scene, "machines" | "jobs">;

export const SCENE_FIELDS: Fields<SceneSettings> = {
  model: { kind: "choice", label: "Model", from: "models" },
  dtype: { kind: "choice", label: "Weights in", from: "dtypes" },
  recompute: { kind: "choice", label: "Recompute", from: "recomputes" },
  networkGigabits: { kind: "number", label: "Network, Gbit/s", least: 0.1, most: 10_000, step: 0.1 },
  calibration: { kind: "choice", label: "Times from", words: CALIBRATIONS },
  networkMicroseconds: { kind: "number", label: "Latency, µs", least: 0, most: 100_000, step: 1 },
  network: { kind: "choice", label: "Network is", words: NETWORKS },
  transfers: { kind: "choice", label: "Messages travel", words: TRANSFERS },
  messages: { kind: "choice", label: "Messages are", words: MESSAGES },
  policy: { kind: "choice", label: "Adapters over time", from: "policies" },
  schedule: { kind: "choice", label: "Schedule", from: "schedules" },
  pipelines: whole("Pipelines", 1, MOST.devices, ["auto"]),
  groups: whole("Groups", 1, MOST.jobs, ["auto", "unfused"]),
  maxInFlight: whole("In flight", 1, 1000, ["auto", "none"]),
  jobsAtOnce: whole("Adapters at once", 1, MOST.jobs, ["auto", "all"]),
  layersPerStage: { kind: "list", label: "Layers of each stage" },
  pricePerHour: { kind: "number", label: "Price of a GPU-hour", least: 0, most: 1000, step: 0.01 },
};
