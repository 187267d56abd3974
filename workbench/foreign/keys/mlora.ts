import { type KeyTable, keys } from "../key-rules.ts";
import { SAVED } from "./reasons.ts";

/** Keys of mLoRA's YAML. Source: TUDB-Labs/mLoRA, mlora/config. */
export const MLORA_KEYS: KeyTable = {
  ...keys("datasets adapters tasks", { as: "data" }),
  dispatcher: { idle: "the planner says which jobs train at once (--jobs-at-once)" },
};

export const MLORA_DATASET_KEYS: KeyTable = {
  ...keys("name data prompt preprocess", { as: "data" }),
  prompt_type: { lacks: "another form of rows than one template", usual: ["instruction"] },
};

export const MLORA_ADAPTER_KEYS: KeyTable = {
  name: { as: "name" },
  type: { as: "fullOrAdapter" },
  optimizer: { as: "optimizer" },
  lr: { as: "rate" },
  r: { as: "rank" },
  alpha: { as: "alpha" },
  dropout: { as: "dropout" },
  target_modules: { as: "targets" },
  lrscheduler: { as: "scheduler" },
  t_max: { as: "cosineSteps" },
  eta_min: { as: "leastRate" },
  lr_ratio: { as: "loraPlusRatio" },
  d_initial: { lacks: "VeRA" },
  momentum: { lacks: "another optimizer than AdamW" },
  path: { idle: "adapters are written to adapters/JOB of the run" },
};

export const MLORA_TASK_KEYS: KeyTable = {
  ...keys("adapter dataset", { as: "data" }),
  name: { idle: "jobs are named after their adapters" },
  type: { lacks: "another task than training", usual: ["train"] },
  batch_size: { as: "batch" },
  num_epochs: { as: "epochs" },
  cutoff_len: { as: "cutoff" },
  mini_batch_size: { idle: "the planner cuts mini-batches into micro-batches" },
  save_step: { idle: SAVED },
};
