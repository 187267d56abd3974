import { createRng, sum } from "../core/index.ts";
import {
  type Architecture,
  architectureFromConfig,
  huggingFaceConfigSchema,
  type JobKind,
  PRESETS,
  projectionShape,
} from "../plan/index.ts";

/** Jobs of a kind, as far as steps and memory follow from them. */
export interface SlotKind {
  readonly kind: JobKind;
  readonly architecture: Architecture;
  /** Kinds of one base model have the same text, and can share it. */
  readonly base: string;
  /** Of a job's adapters, in all layers. */
  readonly trainedParameters: number;
  /** Tokens of a row, on average; and of those that a token attends to, on average over tokens. */
  readonly meanTokens: number;
  readonly attendedTokens: number;
}

/** Rows that stand for all of a kind. */
const ROWS = 4096;

/** Lengths of rows: log-normal, cut at the most. */
function lengthsOf({ name, tokens: { mean, max, sigma } }: JobKind): readonly number[] {
  const rng = createRng(`rows of ${name}`);
  return Array.from({ length: ROWS }, () =>
    Math.min(max, Math.max(1, mean * Math.exp(sigma * rng.nextNormal() - sigma ** 2 / 2))),
  );
}

export function slotKind(kind: JobKind): SlotKind {
  const config = typeof kind.model === "string" ? PRESETS[kind.model]! : kind.model.config;
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(config));
  const shapes = kind.targets.map((target) => projectionShape(architecture, target));
  const lengths = lengthsOf(kind);
  const tokens = sum(lengths);
  return {
    kind,
    architecture,
    base: JSON.stringify(architecture),
    trainedParameters: architecture.numLayers * kind.rank * sum(shapes.map((shape) => shape.in + shape.out)),
    meanTokens: tokens / ROWS,
    attendedTokens: sum(lengths.map((length) => length ** 2)) / tokens,
  };
}

/** Optimizer steps of a job of a kind with so many rows. */
export function stepsOf({ epochs, batchSize }: JobKind, samples: number): number {
  return Math.max(1, Math.ceil((samples * epochs) / batchSize));
}
