import { createRng, mean, sum } from "../core/index.ts";
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
  /** Of a step, on average. */
  readonly tokens: number;
  readonly work: StepWork;
}

/** Rows that stand for all of a kind, and how many steps they are: a power of two, as those of other kinds are. */
const ROWS = 2048;
const STEPS = { least: 16, most: 1024 } as const;

/** Rows of some steps that stand for all; lengths are log-normal, cut at the most. */
function stepsOfRows({ name, batchSize, tokens: { mean, max, sigma } }: JobKind): readonly (readonly number[])[] {
  const rng = createRng(`rows of ${name}`);
  const count = 2 ** Math.round(Math.log2(Math.min(STEPS.most, Math.max(STEPS.least, ROWS / batchSize))));
  const length = (): number => mean * Math.exp(sigma * rng.nextNormal() - sigma ** 2 / 2);
  return Array.from({ length: count }, () =>
    Array.from({ length: batchSize }, () => Math.min(max, Math.max(1, Math.round(length())))),
  );
}

export function slotKind(kind: JobKind): SlotKind {
  const config = typeof kind.model === "string" ? PRESETS[kind.model]! : kind.model.config;
  const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(config));
  const steps = stepsOfRows(kind);
  const whole = { firstLayer: 0, endLayer: architecture.numLayers };
  return {
    kind,
    base: JSON.stringify(architecture),
    tokens: mean(steps.map(sum)),
    work: {
      ...{ architecture, steps, longestRow: kind.tokens.max },
      trainedParameters: adapterParameters(architecture, whole, { adapter: { ...kind, alpha: kind.rank } }),
      targets: kind.targets,
    },
  };
}

/** Optimizer steps of a job of a kind with so many rows. */
export function stepsOf({ epochs, batchSize }: JobKind, samples: number): number {
  return Math.max(1, Math.ceil((samples * epochs) / batchSize));
}
