import { InputError } from "../core/index.ts";
import { readSafetensors, writeSafetensors } from "../datasets/index.ts";
import type { AdapterSpec, Architecture } from "../plan/index.ts";
import { STATE_PARTS, type StatePart } from "./adapters.ts";
import type { BestEvaluation } from "./evaluations.ts";
import type { JobState } from "./job-states.ts";
import { type AdapterPair, pairTensors, readPairs } from "./peft.ts";

/** Before PEFT's names of the matrices; moments as PyTorch's AdamW names them in its state. */
const PREFIXES: Readonly<Record<StatePart, string>> = {
  parameters: "parameters.",
  firstMoment: "exp_avg.",
  secondMoment: "exp_avg_sq.",
};
const BEST = "best.";

/** Writes what training has changed of a job, as one safetensors file: the same state gives the same bytes. */
export function writeJobState(file: string, arch: Architecture, { step, state, best }: JobState): void {
  const tensors = STATE_PARTS.flatMap((part) => pairTensors(arch, state[part] ?? [], PREFIXES[part]));
  const kept = best?.adapter === undefined ? [] : pairTensors(arch, best.adapter, BEST);
  writeSafetensors(file, [...tensors, ...kept], { format: "pt", step: String(step) });
}

/** How a state was left, as is known from elsewhere. */
export interface StateFacts {
  readonly step: number;
  readonly best: Omit<BestEvaluation, "adapter"> | undefined;
  readonly keepsBest: boolean;
}

/**
 * Reads such a file of a job that has the adapter. Its numbers need not be finite: a second moment may have overflowed,
 * and a job whose weights have goes on to the step that stops it, as without the checkpoint.
 * @throws InputError where it is another one's, or of another step
 */
export function readJobState(
  file: string,
  spec: AdapterSpec,
  arch: Architecture,
  { step, best, keepsBest }: StateFacts,
): JobState {
  const reader = readSafetensors(file);
  const { step: written = String(step) } = reader.metadata;
  if (written !== String(step))
    throw new InputError({ expected: `the state of a job after ${step} steps`, file, got: `one after ${written}` });
  const pairs = (prefix: string): readonly AdapterPair[] => readPairs(reader, file, spec, arch, prefix);
  return {
    step,
    state: {
      parameters: pairs(PREFIXES.parameters),
      firstMoment: pairs(PREFIXES.firstMoment),
      secondMoment: pairs(PREFIXES.secondMoment),
    },
    best: best === undefined ? undefined : { ...best, ...(keepsBest ? { adapter: pairs(BEST) } : {}) },
  };
}
