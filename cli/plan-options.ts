import { DTYPE_WORDS, dtypeHint, dtypeSchema, recomputeSchema, SCHEDULES } from "../plan/index.ts";
import { NEWEST, PLAIN_SOFTWARE, publishedReleases } from "../studies/index.ts";
import { SIZES } from "../workbench/index.ts";
import type { Option, OptionTable } from "./option-table.ts";
import { CACHE_OPTIONS } from "./prediction-options.ts";

export const CATALOG_OPTION = {
  type: "string",
  describe: "a catalog of your own, in front of ours",
} as const satisfies Option;

/** Software that steps are predicted of, beside loratwin's own. */
export const RELEASE_OPTION = {
  type: "string",
  choices: [NEWEST, ...Object.keys(publishedReleases()), ...Object.keys(PLAIN_SOFTWARE)],
  default: NEWEST,
  describe: "software whose published steps times are fitted to; transformers-peft and torchtune are plain PyTorch",
} as const satisfies Option;

/** GPUs that need not be here, for commands that only predict. */
export const GPU_OPTION = {
  type: "string",
  describe: "GPUs of the catalog in one machine, without a cluster file: 'H100 SXM', or 'H100 SXM*4'",
} as const satisfies Option;

/** The options that say where a plan runs. */
export const DEVICE_OPTIONS = {
  cluster: { type: "string", describe: "cluster file (YAML or JSON)", notBeside: ["devices"] },
  devices: {
    type: "string",
    describe:
      "devices of this machine, such as cpu:0,cpu:1, or cpu for every core (default); or GPUs of the catalog to simulate: 'H100 SXM*4'; or abstract ones: unit*4",
  },
  catalog: CATALOG_OPTION,
} as const satisfies OptionTable;

/** What takes how long. */
export const COST_OPTIONS = {
  calibration: {
    type: "string",
    describe: "measured, layers, roofline or constant costs (see calibrate); for GPUs the catalog's when absent",
  },
} as const satisfies OptionTable;

/** How a plan is made. A finished plan has all of this in it. */
export const PLAN_OPTIONS = {
  schedule: {
    type: "string",
    choices: ["auto", ...SCHEDULES],
    default: "auto",
    describe:
      "order of the actions: lorapp, or another where that is faster (auto); `simulate` has those of others too",
  },
  pipelines: {
    type: "string",
    default: "auto",
    describe:
      "chains of devices side by side, each with a copy of the base model and a job at least: auto (those that are possible) or a number",
  },
  "max-in-flight": {
    type: "string",
    default: "auto",
    describe: "micro-batches between forward and backward on a stage: auto, none or a number",
  },
  "jobs-at-once": {
    type: "string",
    default: "auto",
    describe: "jobs that train at once on a pipeline: all, fewer where memory is short (auto), or at most a number",
  },
  dtype: {
    type: "string",
    choices: dtypeSchema.options,
    words: DTYPE_WORDS,
    hint: dtypeHint,
    describe: "how the base model's weights are kept; over the workload's `model.dtype`",
  },
  recompute: {
    type: "string",
    choices: recomputeSchema.options,
    describe:
      "layers that the backward computes again instead of keeping them: none, all, or as memory asks for (auto); over the workload's `recompute`",
  },
  "layers-per-stage": {
    type: "string",
    describe:
      "layers of each stage of a pipeline, in the order of its devices, such as 8,8,8,8; divided by their times when absent",
  },
  fuse: {
    type: "boolean",
    default: true,
    describe: "share micro-batches among jobs where that saves time; --no-fuse turns it off",
  },
  groups: {
    type: "number",
    describe:
      "number of groups of jobs that share micro-batches, in each pipeline, instead of the planner's choice; pipelines of fewer jobs are left out",
    notBeside: ["no-fuse"],
  },
} as const satisfies OptionTable;

/** How much of a device jobs over time are thought to take. */
export const SIZES_OPTIONS = {
  sizes: {
    type: "string",
    choices: SIZES,
    default: "planned",
    describe:
      "what of a device's memory jobs are thought to take: what is planned, or what is learned from the jobs that train, " +
      "of which the first ones train alone",
  },
} as const satisfies OptionTable;

/** Where jobs over time have the states of those that are on no device. */
export const STATES_OPTIONS = {
  "host-memory": {
    type: "string",
    describe:
      "memory for adapters and moments of jobs that wait and have trained, such as 8GiB; the others lie on disk " +
      "(default: as the cluster file says, half of this machine's)",
  },
} as const satisfies OptionTable;

export const VERIFY_OPTIONS = {
  "verify-weights": {
    type: "boolean",
    default: false,
    describe:
      "read every byte of the model's weights: what is made has their digest, what goes on from it compares them",
  },
} as const satisfies OptionTable;

/** The options of every command that plans a workload. */
export const WORKLOAD_OPTIONS = { ...DEVICE_OPTIONS, ...COST_OPTIONS, ...PLAN_OPTIONS, ...CACHE_OPTIONS } as const;

/** Why an option of plans means nothing for a finished one, and what to do instead. */
export function planAnew(typed: string): string {
  return `A plan keeps the devices, the order and the costs that it was made with. Make it anew: \`loratwin plan WORKLOAD ${typed} -o plan.json\`.`;
}
