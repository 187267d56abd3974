/** What a key of another tool says, as one of ours or as part of one. */
export const SETTINGS = {
  model: "model.path",
  fullOrAdapter: "adapter",
  dtype: "model.dtype",
  bfloat16: "model.dtype",
  float16: "model.dtype",
  int8: "model.dtype",
  nf4: "model.dtype",
  bits: "model.dtype",
  recompute: "recompute",
  noRecompute: "recompute",
  name: "jobs[].name",
  rank: "jobs[].adapter.rank",
  alpha: "jobs[].adapter.alpha",
  rootScaled: "jobs[].adapter.rslora",
  magnitudes: "jobs[].adapter.dora",
  rankPattern: "jobs[].adapter.rankPattern",
  alphaPattern: "jobs[].adapter.alphaPattern",
  trainedTokens: "jobs[].adapter.trainableTokens",
  dropout: "jobs[].adapter.dropout",
  targets: "jobs[].adapter.targets",
  allTargets: "jobs[].adapter.targets",
  init: "jobs[].adapter.init",
  microBatch: "jobs[].batchSize",
  accumulation: "jobs[].batchSize",
  batch: "jobs[].batchSize",
  epochs: "jobs[].epochs",
  steps: "jobs[].steps",
  cutoff: "jobs[].cutoffLength",
  limit: "jobs[].data.limit",
  lastTurn: "jobs[].data.turns",
  inputs: "jobs[].data.trainOnInputs",
  seed: "jobs[].seed",
  optimizer: "jobs[].optimizer.name",
  rate: "jobs[].optimizer.learningRate",
  beta1: "jobs[].optimizer.betas",
  beta2: "jobs[].optimizer.betas",
  eps: "jobs[].optimizer.eps",
  weightDecay: "jobs[].optimizer.weightDecay",
  maxGradNorm: "jobs[].optimizer.maxGradNorm",
  loraPlusRatio: "jobs[].optimizer.loraPlusRatio",
  loss: "jobs[].loss",
  lossType: "jobs[].loss.type",
  lossWeights: "jobs[].loss.sftWeight",
  beta: "jobs[].loss.beta",
  smoothing: "jobs[].loss.labelSmoothing",
  gamma: "jobs[].loss.gamma",
  nllWeight: "jobs[].loss.nllWeight",
  desirableWeight: "jobs[].loss.desirableWeight",
  undesirableWeight: "jobs[].loss.undesirableWeight",
  referenceFree: "jobs[].loss.kind",
  keepsDropout: "jobs[].adapter.dropout",
  truncation: "jobs[].loss.cut",
  order: "jobs[].data.shuffle",
  packing: "jobs[].batchSize",
  packingAcross: "jobs[].batchSize",
  dropLast: "jobs[].epochs",
  specialTokens: "model.path",
  turnEnds: "model.path",
  scheduler: "jobs[].optimizer.schedule.name",
  schedulerOptions: "jobs[].optimizer.schedule",
  cosineSteps: "jobs[].optimizer.schedule",
  leastRate: "jobs[].optimizer.schedule.minRatio",
  minRatio: "jobs[].optimizer.schedule.minRatio",
  warmupSteps: "jobs[].optimizer.schedule.warmupSteps",
  warmupRatio: "jobs[].optimizer.schedule.warmupSteps",
  share: "jobs[].evaluation.share",
  evalSteps: "jobs[].evaluation.everySteps",
  evalsPerEpoch: "jobs[].evaluation.everySteps",
  evalStrategy: "jobs[].evaluation",
  keepBest: "jobs[].evaluation.keepBest",
  patience: "jobs[].earlyStopping.patience",
  data: "jobs[].data",
  dataReading: "jobs[].data",
  evaluationData: "jobs[].evaluation.data",
} as const;
export type Setting = keyof typeof SETTINGS;

/** What becomes of a key. */
export type KeyRule =
  /** It is taken over. */
  | { readonly as: Setting }
  /** Training has the same result without it here; why. */
  | { readonly idle: string }
  /**
   * Training differs without it; how. A value that asks for nothing (false, 0, empty), or one of `usual`, or a list of
   * them, changes nothing; with `asks`, all but these change nothing. Those of `even` do, although they are empty.
   */
  | {
      readonly lacks: string;
      readonly usual?: readonly unknown[];
      readonly asks?: readonly unknown[];
      readonly even?: readonly unknown[];
    };

/** By key; one that ends in `*` stands for all that begin so and have no rule of their own. */
export type KeyTable = Readonly<Record<string, KeyRule>>;

/** Rules for several keys at once. */
export function keys(names: string, rule: KeyRule): KeyTable {
  return Object.fromEntries(names.split(/\s+/).map((name) => [name, rule]));
}

export const FOREIGN_TOOLS = ["axolotl", "llamafactory", "trl", "peft", "mlora"] as const;
export type ForeignTool = (typeof FOREIGN_TOOLS)[number];

/** As their makers write them. */
export const TOOL_NAMES: Readonly<Record<ForeignTool, string>> = {
  axolotl: "Axolotl",
  llamafactory: "LLaMA-Factory",
  trl: "TRL",
  peft: "PEFT",
  mlora: "mLoRA",
};
