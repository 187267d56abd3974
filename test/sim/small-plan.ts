import type { Architecture, Buffers, PlanBody, ResolvedLink, ScheduleName, StageMemory } from "../../plan/index.ts";

export interface SmallMicroBatch {
  readonly tokens: number;
  /** Also the job: each group has one. */
  readonly group?: number;
  readonly step?: number;
  readonly part?: number;
}

export interface SmallPlan {
  /** Action keys of each stage, separated by spaces; without the stage ("F0 B0") for short. */
  readonly orders: readonly string[];
  readonly microBatches: readonly SmallMicroBatch[];
  readonly buffers?: Partial<Buffers>;
  readonly links?: readonly Partial<ResolvedLink>[];
  readonly memory?: Partial<StageMemory>;
  readonly maxGradNorm?: number;
  readonly schedule?: ScheduleName;
}

import { roomyPipeline, wholeGroup, withAfter } from "../plan/hand-work.ts";

/** 4 bytes a token: a message has as many bytes as 4 x its tokens. */
const ARCHITECTURE: Architecture = {
  hiddenSize: 1,
  intermediateSize: 1,
  numLayers: 64,
  numHeads: 1,
  numKvHeads: 1,
  headDim: 1,
  vocabularySize: 1,
  maxPositions: 1,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  qkvBias: false,
  tiedEmbeddings: false,
};

/** A plan from orders written by hand: one layer a stage, one job a group, ample buffers, links without figures. */
export function smallPlan(small: SmallPlan): PlanBody {
  const numStages = small.orders.length;
  const numGroups = Math.max(...small.microBatches.map(({ group = 0 }) => group)) + 1;
  const steps = Math.max(...small.microBatches.map(({ step = 0 }) => step)) + 1;
  const indices = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
  return {
    schedule: small.schedule ?? "lorapp",
    maxInFlight: null,
    slots: "placed",
    model: { architecture: { ...ARCHITECTURE, numLayers: numStages }, dtype: "float32", digest: null },
    devices: indices(numStages).map((index) => ({
      name: `unit${index}`,
      machine: "local",
      kind: "abstract",
      type: "unit",
      threads: 1,
      memoryBytes: null,
      peakFlopsPerSecond: null,
      memoryBytesPerSecond: null,
    })),
    links: indices(numStages - 1).map((index) => ({
      id: `link${index}`,
      type: "unit",
      shared: false,
      bandwidthBytesPerSecond: null,
      latencySeconds: 0,
      ...small.links?.[index],
    })),
    stages: indices(numStages).map((index) => ({
      index,
      device: index,
      firstLayer: index,
      endLayer: index + 1,
      embedding: index === 0,
      head: index === numStages - 1,
      recomputedLayers: 0,
    })),
    pipelines: [roomyPipeline(0, numStages)],
    jobs: indices(numGroups).map((index) => ({
      name: `job${index}`,
      adapter: { rank: 1, alpha: 1, dropout: 0, targets: ["q_proj"] },
      data: { lengths: 1, samples: 1 },
      dataDigest: null,
      cutoffLength: 2,
      batchSize: 1,
      microBatchSize: 1,
      steps,
      optimizer: {
        name: "adamw",
        learningRate: 1,
        betas: [0.9, 0.999],
        eps: 1e-8,
        weightDecay: 0,
        ...(small.maxGradNorm === undefined ? {} : { maxGradNorm: small.maxGradNorm }),
      },
      seed: 0,
      priority: 0,
    })),
    groups: indices(numGroups).map((index) => wholeGroup([index], steps)),
    microBatches: withAfter(
      small.microBatches.map(({ tokens, group = 0, step = 0, part = 0 }, index) => ({
        index,
        group,
        step,
        part,
        rows: [[group, index, tokens, tokens]],
      })),
    ),
    actions: small.orders.map((order, stage) =>
      order.split(" ").map((key) => (/^\d/.test(key) ? key : `${stage}${key}`)),
    ),
    buffers: indices(numStages).map(() => ({
      activationIn: 99,
      activationOut: 99,
      gradientIn: 99,
      gradientOut: 99,
      ...small.buffers,
    })),
    memory: indices(numStages).map(() => ({
      weights: 100,
      adapters: 0,
      optimizer: 0,
      activations: 40,
      buffers: 0,
      workspace: 0,
      total: 140,
      ...small.memory,
    })),
    calibration: {
      kind: "calibration",
      version: 1,
      model: "constant",
      seconds: { F: 1, B: 2, transfer: 0, update: 0 },
    },
    calibrationHash: "",
    predicted: null,
  };
}
