import { mean, sum } from "../../core/index.ts";
import { PROJECTIONS, type StepLayout, WEIGHT_BYTES } from "../../plan/index.ts";
import { plainSoftware } from "../observations/plain-software.ts";
import { OWN_SOFTWARE } from "../observations/published-rows.ts";
import { PUBLISHED_ACTIVATIONS, publishedPredictor, releaseNamed } from "../observations/published-steps.ts";
import type { AskedStep, StepPredictor, StepTrust } from "../observations/step-predictor.ts";
import { peakBytes } from "../observations/training-memory.ts";
import {
  type MicroBatchCost,
  type MicroBatchSize,
  microBatchCost,
  type StepShares,
  type StepSums,
  stepShares,
  wholeStepSeconds,
} from "../observations/training-step.ts";
import type { ProductPrecision, TrainingSystem } from "../observations/training-system.ts";
import type { CopyRows, DealtRows } from "./dealt-rows.ts";
import type { StepMachine } from "./step-machine.ts";

/** Bytes of a parameter of the base model's layers: 4-bit ones have a scale of 8 bits for each 16. */
const OPERAND_BYTES: Readonly<Record<ProductPrecision, number>> = { bfloat16: 2, float8: 1, float4: 0.5625 };
/** Of a value that is kept of the MLP's activation, whose inputs are stored as products take them. */
const STORED_BYTES: Readonly<Record<ProductPrecision, number>> = { bfloat16: 2, float8: 1, float4: 1 };
/** Of the memory of an accelerator, what others leave and what is not lost to fragments. */
const USABLE = 0.94;

/** A layout with the size of its largest micro-batch, by which products are as fast as they are. */
function systemOf(machine: StepMachine, layout: StepLayout, rows: DealtRows): TrainingSystem {
  const { tensorParallel, contextParallel, contextExchange, pipelineParallel, recomputedLayers, sharded } = layout;
  const { dataParallel } = layout;
  const { accelerator, count, precision, hasGraphs, overlaps, scaleUp, virtualStages, drainAfter, quantized } = machine;
  return {
    ...{ accelerator, architecture: rows.works[0]!.architecture, accelerators: count, scaleUp },
    trainedParameters: sum(rows.works.map(({ trainedParameters }) => trainedParameters)),
    targets: PROJECTIONS.filter((projection) => rows.works.some(({ targets }) => targets.includes(projection))),
    ...{ tensorParallel, contextParallel, contextExchange, pipelineParallel },
    ...{
      tokens: rows.largestTokens(dataParallel, layout.microTokens),
      accumulation: 1,
      precision,
      recomputedLayers,
      hasGraphs,
      overlaps,
    },
    isSharded: sharded === "weights",
    ...(virtualStages === undefined ? {} : { virtualStages }),
    ...(drainAfter === undefined ? {} : { drainAfter }),
    ...(quantized === undefined ? {} : { quantized }),
  };
}

/** What the slowest accelerators do in a step, and for how long. */
type SlowestCopy = StepSums & { readonly computed: number };

function copySeconds(cost: MicroBatchCost, copy: CopyRows): number {
  const { sizes, microBatches, largest } = copy;
  return (
    (cost.isLinear ? cost.sums(microBatches, copy) : sum(sizes.map((size) => cost.last(size)))) +
    cost.fill(largest, microBatches)
  );
}

/** Copies of the model meet when a step ends: the one that takes the most time is waited for. */
function slowestOf(cost: MicroBatchCost, copies: readonly CopyRows[]): SlowestCopy {
  let slowest = copies[0]!;
  let computed = 0;
  for (const copy of copies) {
    const seconds = copySeconds(cost, copy);
    if (seconds > computed) [slowest, computed] = [copy, seconds];
  }
  const { microBatches, tokens, pairs, largest } = slowest;
  return { microBatches, tokens, pairs, largest, computed };
}

/** Where weights are gathered copies of the model meet in every micro-batch. */
function slowestInEach(cost: MicroBatchCost, copies: readonly CopyRows[]): SlowestCopy {
  const met: MicroBatchSize[] = [];
  let computed = 0;
  for (let place = 0; ; place += 1) {
    let slowest: MicroBatchSize | undefined;
    let most = 0;
    for (const { sizes } of copies) {
      const size = sizes[place];
      const seconds = size === undefined ? 0 : cost.last(size);
      if (seconds > most) [slowest, most] = [size, seconds];
    }
    if (slowest === undefined) break;
    met.push(slowest);
    computed += most;
  }
  const largest = met.reduce((a, b) => (b.tokens > a.tokens ? b : a));
  const tokens = sum(met.map((size) => size.tokens));
  const pairs = sum(met.map((size) => size.pairs));
  return { microBatches: met.length, tokens, pairs, largest, computed: computed + cost.fill(largest, met.length) };
}

/** What the slowest accelerators do in a layout's steps, by the model alone. */
function modelled(
  system: TrainingSystem,
  { release }: StepMachine,
  { dataParallel, microTokens }: StepLayout,
  rows: DealtRows,
  { fitted: { fit } }: StepPredictor,
): readonly SlowestCopy[] {
  const cost = microBatchCost(system, release, fit);
  const slowest = system.isSharded && dataParallel > 1 ? slowestInEach : slowestOf;
  return rows.copies(dataParallel, microTokens).map((copies) => slowest(cost, copies));
}

/** A layout as steps like it were published: equal micro-batches, as many as the slowest accelerators have. */
function askedOf(machine: StepMachine, layout: StepLayout, rows: DealtRows, predictor: StepPredictor): AskedStep {
  const model = systemOf(machine, layout, rows);
  const steps = modelled(model, machine, layout, rows, predictor);
  const [microBatches, tokens, pairs] = (["microBatches", "tokens", "pairs"] as const).map((of) =>
    mean(steps.map((done) => done[of])),
  );
  const system = { ...model, accumulation: Math.max(1, Math.round(microBatches!)) };
  const { generation } = machine.accelerator;
  return {
    system: { ...system, tokens: tokens! / system.accumulation, sequence: pairs! / tokens! },
    release: releaseNamed(machine.release, generation),
    isOwnSoftware: machine.release === OWN_SOFTWARE,
    plainSigma: plainSoftware(machine.release)?.sigma ?? 0,
  };
}

/** What the model's times of a layout are multiplied with. */
function correctionOf(system: TrainingSystem, { release, accelerator }: StepMachine, predictor: StepPredictor): number {
  return predictor.correction({ system, release: releaseNamed(release, accelerator.generation) });
}

/** Seconds of a step on average over the rows' steps, whichever of the accelerators that share rows has the most to do. */
export function layoutSeconds(
  machine: StepMachine,
  layout: StepLayout,
  rows: DealtRows,
  predictor = publishedPredictor(),
): number {
  const system = systemOf(machine, layout, rows);
  const steps = modelled(system, machine, layout, rows, predictor);
  const seconds = wholeStepSeconds(system);
  const all = mean(steps.map(({ computed, microBatches }) => seconds(computed, microBatches)));
  return correctionOf(system, machine, predictor) * all;
}

/** How far such a time can be trusted. */
export function layoutTrust(
  machine: StepMachine,
  layout: StepLayout,
  rows: DealtRows,
  predictor = publishedPredictor(),
): StepTrust {
  return predictor.trust(askedOf(machine, layout, rows, predictor));
}

/** Where the seconds of a step go, of the slowest accelerators. */
export function layoutShares(
  machine: StepMachine,
  layout: StepLayout,
  rows: DealtRows,
  predictor = publishedPredictor(),
): StepShares {
  const system = systemOf(machine, layout, rows);
  const seconds = wholeStepSeconds(system);
  const steps = modelled(system, machine, layout, rows, predictor).map((done) => ({
    seconds: seconds(done.computed, done.microBatches),
    shares: stepShares(system, machine.release, predictor.fitted.fit, done),
  }));
  const all = sum(steps.map(({ seconds }) => seconds));
  const share = (part: keyof StepShares): number =>
    sum(steps.map(({ seconds, shares }) => seconds * shares[part])) / all;
  return {
    ...{ products: share("products"), attention: share("attention"), memory: share("memory") },
    ...{ link: share("link"), rest: share("rest") },
  };
}

/** Seconds that a token of a micro-batch adds at least: without attention and what a step has once. */
export function tokenSeconds(
  machine: StepMachine,
  layout: StepLayout,
  rows: DealtRows,
  predictor = publishedPredictor(),
): number {
  const system = systemOf(machine, layout, rows);
  const cost = microBatchCost(system, machine.release, predictor.fitted.fit);
  const [less, more] = [1024, 2048].map((tokens) => cost.last({ tokens, pairs: 0 }));
  return (correctionOf(system, machine, predictor) * (more! - less!)) / 1024;
}

/** Bytes of each accelerator, the fullest, while these jobs train together. */
export function layoutBytes(machine: StepMachine, layout: StepLayout, rows: DealtRows): number {
  const { dataParallel, microTokens } = layout;
  // A micro-batch may be as large as its most, and no row is cut.
  const all = Math.ceil(rows.mostRows / dataParallel) * rows.longestRow;
  const tokens = Math.max(rows.longestRow, Math.min(microTokens, all));
  const accumulation = rows.mostMicroBatches(dataParallel, microTokens);
  const { precision, quantized } = machine;
  const weightBytes = quantized === undefined ? OPERAND_BYTES[precision] : WEIGHT_BYTES[quantized];
  const memory = { weightBytes, storedBytes: STORED_BYTES[precision], isStateSharded: true };
  return peakBytes(
    { ...memory, system: { ...systemOf(machine, layout, rows), tokens, accumulation } },
    PUBLISHED_ACTIVATIONS,
  );
}

/** Of each accelerator, what a layout may take. */
export function usableBytes({ memoryBytes }: StepMachine): number {
  return USABLE * memoryBytes;
}
