import { secondsToNanos, sum } from "../../core/index.ts";
import {
  type Action,
  type ActionLetter,
  type MiniBatch,
  type Orders,
  SCHEDULE_TABLE,
  type ScheduleInput,
} from "../../plan/index.ts";
import { pipelineTasks, runTasks } from "../../sim/index.ts";
import { messageSeconds } from "./interconnect.ts";
import {
  baseParameters,
  fullest,
  headBytes,
  layerActivationBytes,
  type MemoryNeed,
  recomputedBytes,
  stateBytes,
  totalBytes,
} from "./memory.ts";
import {
  backwardPasses,
  equalRows,
  forwardPasses,
  headTime,
  layerTime,
  type Platform,
  type Training,
} from "./setting.ts";
import { cutRows, type RowLengths } from "./step-rows.ts";

export interface PipelineChoice {
  readonly schedule: "lorapp" | "1f1b";
  /** Adapters fused in each group; one entry a group, all in flight at once with `lorapp`. */
  readonly groups: readonly number[];
}

/** Steps of two runs, whose difference is the steady state. */
const SHORT_STEPS = 4;
const LONG_STEPS = 10;

/** Layers of each stage: as equal as can be, the first ones longer, since the last has the head. */
export function evenLayers(numLayers: number, numStages: number): readonly number[] {
  return Array.from({ length: numStages }, (_, stage) => Math.ceil((numLayers - stage) / numStages));
}

function miniBatchesOf(groups: number, steps: number, parts: number) {
  const groupOf: number[] = [];
  const table = Array.from({ length: groups }, (_, group) =>
    Array.from({ length: steps }, (_unused, step): MiniBatch => {
      const microBatches = Array.from({ length: parts }, () => groupOf.push(group) - 1);
      return { group, step, microBatches };
    }),
  );
  return { table, groupOf };
}

/** The rows of one micro-batch of one adapter. */
function microBatchRows(training: Training): RowLengths {
  const { lengths, microBatchSize } = equalRows(training);
  return cutRows(lengths, microBatchSize)[0]!;
}

interface PipelineRun {
  readonly seconds: number;
  /** By stage: the most micro-batches between forward and backward, weighted by fused adapters. */
  readonly peakAdapters: readonly number[];
}

function runPipeline(
  platform: Platform,
  training: Training,
  choice: PipelineChoice,
  steps: number,
  maxInFlight: number | null,
): PipelineRun {
  const numStages = platform.numDevices;
  const layers = evenLayers(training.arch.numLayers, numStages);
  const { table, groupOf } = miniBatchesOf(choice.groups.length, steps, training.microBatches);
  const ofAdapter = microBatchRows(training);
  const fusedRows = choice.groups.map((adapters) => Array.from({ length: adapters }, () => ofAdapter).flat());
  const rowsOf = (microBatch: number): RowLengths => fusedRows[groupOf[microBatch]!]!;
  const known = new Map<string, number>();
  const seconds = ({ stage: chunk, letter, microBatch }: Action<ActionLetter>): number => {
    if (letter === "U") return 0;
    const rows = rowsOf(microBatch);
    const key = `${chunk} ${letter} ${rows.length}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const passes = letter === "F" ? forwardPasses() : backwardPasses(training);
    const head = chunk === numStages - 1 ? headTime(platform, training, rows, letter === "F" ? "F" : "B") : 0;
    const value = layers[chunk]! * layerTime(platform, training, rows, passes) + head;
    known.set(key, value);
    return value;
  };
  const { interconnect } = platform;
  const bytesOf = (microBatch: number): number =>
    sum(rowsOf(microBatch)) * training.arch.hiddenSize * training.activationBytes;
  const input: ScheduleInput = {
    numStages,
    miniBatches: table,
    durationNs: (chunk, letter, microBatch) => secondsToNanos(seconds({ stage: chunk, letter, microBatch })),
    transferNs: (boundary, microBatch) => {
      const cost = interconnect.message(boundary, boundary + 1, bytesOf(microBatch));
      const { arrival, occupied } = messageSeconds(interconnect, cost);
      return { arrival: secondsToNanos(arrival), occupied: secondsToNanos(occupied) };
    },
    maxInFlight,
    clips: () => false,
  };
  const orders: Orders = SCHEDULE_TABLE[choice.schedule].build(input);
  const graph = pipelineTasks({
    orders,
    numStages,
    deviceOf: (chunk) => chunk,
    seconds,
    message: ({ from, to, microBatch }) => interconnect.message(from, to, bytesOf(microBatch)),
  });
  const peakAdapters = orders.map((order) => {
    let held = 0;
    let peak = 0;
    for (const { letter, microBatch } of order) {
      const adapters = choice.groups[groupOf[microBatch]!]!;
      held += letter === "F" ? adapters : letter === "B" ? -adapters : 0;
      peak = Math.max(peak, held);
    }
    return peak;
  });
  return { seconds: runTasks(graph, interconnect.linkBytesPerSecond).makespanNs / 1e9, peakAdapters };
}

/** What the fullest stage needs. */
export function pipelineMemory(
  platform: Platform,
  training: Training,
  choice: PipelineChoice,
  peakAdapters: readonly number[],
): MemoryNeed {
  const { arch } = training;
  const numStages = platform.numDevices;
  const layers = evenLayers(arch.numLayers, numStages);
  const adapters = choice.schedule === "lorapp" ? sum(choice.groups) : Math.max(...choice.groups);
  const perLayer = baseParameters({ ...arch, vocabularySize: 0 }) / arch.numLayers;
  const rows = microBatchRows(training);
  const most = Math.max(...choice.groups);
  const vocabulary = arch.vocabularySize * arch.hiddenSize;
  const needs = layers.map((count, stage): MemoryNeed => {
    const parameters = count * perLayer + (stage === 0 || stage === numStages - 1 ? vocabulary : 0);
    const head = stage === numStages - 1 ? headBytes(training, sum(rows) * most) : 0;
    return {
      weights: parameters * training.weightBytes,
      state: stateBytes(training, parameters, adapters) * (training.full ? 1 : count / arch.numLayers),
      activations:
        peakAdapters[stage]! * count * layerActivationBytes(training, rows) +
        Math.max(head, most * recomputedBytes(training, rows)),
      load: 0,
    };
  });
  return fullest(platform, needs);
}

export interface PipelineResult {
  /** Seconds in which each job advances by one step, divided by the jobs that do so at once. */
  readonly secondsPerJobStep: number;
  readonly memory: MemoryNeed;
  readonly maxInFlight: number | null;
}

/**
 * The steady state of a pipeline. LoRAPP admits as many micro-batches as memory holds: the limit is lowered until the plan fits,
 * and stays at the number of stages where nothing fits, so that the caller sees how much is missing.
 */
export function pipelineStep(platform: Platform, training: Training, choice: PipelineChoice): PipelineResult {
  const numJobs = choice.groups.reduce((a, b) => a + b, 0);
  const evaluate = (maxInFlight: number | null): PipelineResult => {
    const short = runPipeline(platform, training, choice, SHORT_STEPS, maxInFlight);
    const long = runPipeline(platform, training, choice, LONG_STEPS, maxInFlight);
    return {
      secondsPerJobStep: (long.seconds - short.seconds) / (LONG_STEPS - SHORT_STEPS) / numJobs,
      memory: pipelineMemory(platform, training, choice, long.peakAdapters),
      maxInFlight,
    };
  };
  let result = evaluate(null);
  if (choice.schedule !== "lorapp") return result;
  const most = choice.groups.length * training.microBatches;
  for (let limit = most; totalBytes(platform, result.memory) > platform.memoryBytes && limit >= 1; limit -= 1)
    result = evaluate(limit);
  return result;
}
