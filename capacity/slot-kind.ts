import { createRng, sum } from "../core/index.ts";
import {
  adapterParameters,
  architectureFromConfig,
  huggingFaceConfigSchema,
  type JobKind,
  PRESETS,
} from "../plan/index.ts";
import type { StepWork } from "../studies/index.ts";

/** Jobs of a kind, as far as steps and memory follow from them. */
export interface SlotKind {
  readonly kind: JobKind;
  /** Kinds of one base model have the same text, and can share it. */
  readonly base: string;
  readonly work: StepWork;
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
  const lengths = lengthsOf(kind);
  const tokens = sum(lengths);
  const rowTokens = tokens / ROWS;
  return {
    kind,
    base: JSON.stringify(architecture),
    work: {
      architecture,
      trainedParameters: adapterParameters(
        architecture,
        { firstLayer: 0, endLayer: architecture.numLayers },
        { adapter: kind },
      ),
      tokens: kind.batchSize * rowTokens,
      ...{ rowTokens, longestRow: kind.tokens.max },
      attendedTokens: sum(lengths.map((length) => length ** 2)) / tokens,
    },
  };
}

/** Optimizer steps of a job of a kind with so many rows. */
export function stepsOf({ epochs, batchSize }: JobKind, samples: number): number {
  return Math.max(1, Math.ceil((samples * epochs) / batchSize));
}
