import { sum } from "../core/index.ts";
import type { Candidate } from "../plan/index.ts";
import {
  type Accelerator,
  PUBLISHED_ACTIVATIONS,
  PUBLISHED_FIT,
  peakBytes,
  type StepShares,
  type TrainingSystem,
  trainingStepSeconds,
  trainingStepShares,
} from "../studies/index.ts";
import { type SlotKind, stepsOf } from "./slot-kind.ts";

/** The accelerators of a slot. */
export interface Slot {
  readonly accelerator: Accelerator;
  readonly memoryBytes: number;
  /** Accelerators that the fast link connects. */
  readonly scaleUp: number;
  readonly size: number;
  readonly precision: Candidate["precision"];
}

/** How a slot trains jobs of one base model: the model is split over some accelerators, rows over the others. */
export interface SlotLayout {
  readonly tensorParallel: number;
  readonly dataParallel: number;
  readonly recomputedLayers: number;
  /** The most tokens of a micro-batch on one accelerator's share of the rows. */
  readonly microTokens: number;
}

/** Bytes of a parameter of the base model's layers. */
const WEIGHT_BYTES: Readonly<Record<Candidate["precision"], number>> = { bfloat16: 2, float8: 1, float4: 0.5625 };
/** Of a value that is kept of the MLP's activation, whose inputs are stored as products take them. */
const STORED_BYTES: Readonly<Record<Candidate["precision"], number>> = { bfloat16: 2, float8: 1, float4: 1 };
/** Of the memory of an accelerator, what others leave and what is not lost to fragments. */
const USABLE = 0.94;
/** Tensor parallelism beyond is no use inside a step of this size. */
const MOST_SPLIT = 8;
/** Micro-batches that are tried, the largest first: more tokens bring nothing beyond. */
const MICRO_TOKENS = [16_384, 8192, 4096, 2048, 1024] as const;

/** Jobs that train together on a slot take a step of each of them, packed. `kinds` have one base model. */
function systemOf(slot: Slot, layout: SlotLayout, kinds: readonly SlotKind[]): TrainingSystem {
  const { tensorParallel, dataParallel, recomputedLayers, microTokens } = layout;
  const tokensOf = ({ kind, meanTokens }: SlotKind): number => kind.batchSize * meanTokens;
  const all = sum(kinds.map(tokensOf));
  // A row is on one accelerator, or on those that the model is split over.
  const own = Math.max(all / dataParallel, ...kinds.map(({ meanTokens }) => meanTokens));
  const accumulation = Math.ceil(own / microTokens);
  return {
    ...{ accelerator: slot.accelerator, architecture: kinds[0]!.architecture },
    trainedParameters: sum(kinds.map(({ trainedParameters }) => trainedParameters)),
    accelerators: slot.size,
    tensorParallel,
    contextParallel: 1,
    contextExchange: "all-to-all",
    tokens: own / accumulation,
    sequence: sum(kinds.map((kind) => tokensOf(kind) * kind.attendedTokens)) / all,
    accumulation,
    precision: slot.precision,
    recomputedLayers,
    isSharded: false,
    hasGraphs: true,
    overlaps: false,
    scaleUp: slot.scaleUp,
  };
}

/** Seconds of a step of each of the jobs, which have one base model. */
export function packedSeconds(slot: Slot, layout: SlotLayout, kinds: readonly SlotKind[]): number {
  return trainingStepSeconds(systemOf(slot, layout, kinds), "newest", PUBLISHED_FIT);
}

/** Where the seconds of a step of one job go. */
export function stepShares(slot: Slot, layout: SlotLayout, kind: SlotKind): StepShares {
  return trainingStepShares(systemOf(slot, layout, [kind]), "newest", PUBLISHED_FIT);
}

/** Seconds that a token on an accelerator's share of the rows adds at least: without attention and what a step has once. */
export function tokenSeconds(slot: Slot, layout: SlotLayout, kind: SlotKind): number {
  const system = { ...systemOf(slot, layout, [kind]), accumulation: 1, sequence: 0 };
  const [less, more] = [1024, 2048].map((tokens) =>
    trainingStepSeconds({ ...system, tokens }, "newest", PUBLISHED_FIT),
  );
  return (more! - less!) / 1024;
}

/** Bytes of each accelerator of a slot while these jobs train. */
export function packedBytes(slot: Slot, layout: SlotLayout, kinds: readonly SlotKind[]): number {
  const system = systemOf(slot, layout, kinds);
  // A micro-batch may be as large as its most, and no row is cut.
  const longest = Math.max(...kinds.map(({ kind }) => kind.tokens.max));
  const tokens = Math.max(longest, Math.min(layout.microTokens, 2 * system.tokens));
  const memory = { weightBytes: WEIGHT_BYTES[slot.precision], storedBytes: STORED_BYTES[slot.precision] };
  return peakBytes({ ...memory, system: { ...system, tokens }, isStateSharded: false }, PUBLISHED_ACTIVATIONS);
}

export function usableBytes({ memoryBytes }: Slot): number {
  return USABLE * memoryBytes;
}

/** Powers of two that divide a slot and a model's heads, and that the fast link connects. */
function splitsOf(slot: Slot, { numHeads, numKvHeads }: SlotKind["architecture"]): readonly number[] {
  const splits: number[] = [];
  for (let split = 1; split <= Math.min(slot.size, slot.scaleUp, MOST_SPLIT); split *= 2)
    if (slot.size % split === 0 && numHeads % split === 0 && (numKvHeads % split === 0 || split % numKvHeads === 0))
      splits.push(split);
  return splits;
}

/**
 * The layout in which a slot trains a day's jobs of one base model fastest, each alone, with room for so many of the
 * largest at once. Undefined where there is none.
 */
export function fastestLayout(slot: Slot, kinds: readonly SlotKind[], jobsAtOnce: number): SlotLayout | undefined {
  const { architecture } = kinds[0]!;
  const fits = (layout: SlotLayout): boolean =>
    kinds.every((kind) => packedBytes(slot, layout, Array(jobsAtOnce).fill(kind)) <= usableBytes(slot));
  let best: { readonly layout: SlotLayout; readonly seconds: number } | undefined;
  for (const tensorParallel of splitsOf(slot, architecture))
    for (const recomputedLayers of [0, architecture.numLayers]) {
      const dataParallel = slot.size / tensorParallel;
      const layouts = MICRO_TOKENS.map((microTokens) => ({
        tensorParallel,
        dataParallel,
        recomputedLayers,
        microTokens,
      }));
      const layout = layouts.find(fits);
      if (layout === undefined) continue;
      const seconds = sum(
        kinds.map(
          (kind) => kind.kind.perDay * stepsOf(kind.kind, kind.kind.samples) * packedSeconds(slot, layout, [kind]),
        ),
      );
      if (best === undefined || seconds < best.seconds) best = { layout, seconds };
    }
  return best?.layout;
}
