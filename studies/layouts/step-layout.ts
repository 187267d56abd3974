import { sum } from "../../core/index.ts";
import type { Architecture, StepLayout } from "../../plan/index.ts";
import { PUBLISHED_ACTIVATIONS, PUBLISHED_FIT } from "../observations/published-steps.ts";
import { peakBytes } from "../observations/training-memory.ts";
import {
  microBatchSeconds,
  type ProductPrecision,
  type StepShares,
  type TrainingSystem,
  trainingStepSeconds,
  trainingStepShares,
} from "../observations/training-step.ts";
import type { StepMachine } from "./step-machine.ts";

/** A step of one job. */
export interface StepWork {
  readonly architecture: Architecture;
  /** Of its adapters, in all layers. */
  readonly trainedParameters: number;
  /** Of all its rows, of a row on average, and of the longest row that may come. */
  readonly tokens: number;
  readonly rowTokens: number;
  readonly longestRow: number;
  /** Tokens that a token attends to, on average over tokens. */
  readonly attendedTokens: number;
}

/** Bytes of a parameter of the base model's layers: 4-bit ones have a scale of 8 bits for each 16. */
const WEIGHT_BYTES: Readonly<Record<ProductPrecision, number>> = { bfloat16: 2, float8: 1, float4: 0.5625 };
/** Of a value that is kept of the MLP's activation, whose inputs are stored as products take them. */
const STORED_BYTES: Readonly<Record<ProductPrecision, number>> = { bfloat16: 2, float8: 1, float4: 1 };
/** Of the memory of an accelerator, what others leave and what is not lost to fragments. */
const USABLE = 0.94;

/** Jobs that train together take a step of each of them, packed. `works` have one base model. */
function systemOf(machine: StepMachine, layout: StepLayout, works: readonly StepWork[]): TrainingSystem {
  const all = sum(works.map(({ tokens }) => tokens));
  // A row is on one accelerator, or on those that the model is split over.
  const own = Math.max(all / layout.dataParallel, ...works.map(({ rowTokens }) => rowTokens));
  const accumulation = Math.ceil(own / layout.microTokens);
  return {
    ...{ accelerator: machine.accelerator, architecture: works[0]!.architecture },
    trainedParameters: sum(works.map(({ trainedParameters }) => trainedParameters)),
    accelerators: machine.count,
    tensorParallel: layout.tensorParallel,
    contextParallel: layout.contextParallel,
    contextExchange: layout.contextExchange,
    pipelineParallel: layout.pipelineParallel,
    tokens: own / accumulation,
    sequence: sum(works.map(({ tokens, attendedTokens }) => tokens * attendedTokens)) / all,
    accumulation,
    precision: machine.precision,
    recomputedLayers: layout.recomputedLayers,
    isSharded: layout.sharded === "weights",
    hasGraphs: machine.hasGraphs,
    overlaps: false,
    scaleUp: machine.scaleUp,
  };
}

/** Seconds of a step of each of the jobs, which have one base model. */
export function layoutSeconds(machine: StepMachine, layout: StepLayout, works: readonly StepWork[]): number {
  return trainingStepSeconds(systemOf(machine, layout, works), machine.release, PUBLISHED_FIT);
}

/** Where the seconds of a step go. */
export function layoutShares(machine: StepMachine, layout: StepLayout, works: readonly StepWork[]): StepShares {
  return trainingStepShares(systemOf(machine, layout, works), machine.release, PUBLISHED_FIT);
}

/** Seconds that a token of a micro-batch adds at least: without attention and what a step has once. */
export function tokenSeconds(machine: StepMachine, layout: StepLayout, work: StepWork): number {
  const system = { ...systemOf(machine, layout, [work]), sequence: 0 };
  const [less, more] = [1024, 2048].map((tokens) =>
    microBatchSeconds({ ...system, tokens }, machine.release, PUBLISHED_FIT),
  );
  return (more! - less!) / 1024;
}

/** Bytes of each accelerator, the fullest, while these jobs train together. */
export function layoutBytes(machine: StepMachine, layout: StepLayout, works: readonly StepWork[]): number {
  const system = systemOf(machine, layout, works);
  // A micro-batch may be as large as its most, and no row is cut.
  const longest = Math.max(...works.map(({ longestRow }) => longestRow));
  const tokens = Math.max(longest, Math.min(layout.microTokens, 2 * system.tokens));
  const { precision } = machine;
  const memory = { weightBytes: WEIGHT_BYTES[precision], storedBytes: STORED_BYTES[precision], isStateSharded: true };
  return peakBytes({ ...memory, system: { ...system, tokens } }, PUBLISHED_ACTIVATIONS);
}

/** Of each accelerator, what a layout may take. */
export function usableBytes({ memoryBytes }: StepMachine): number {
  return USABLE * memoryBytes;
}
