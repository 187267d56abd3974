import { decoderDimensions } from "../../plan/index.ts";
import { runTasks, type Task } from "../../sim/index.ts";
import { activationBytesPerToken, baseParameters, headBytes, type MemoryNeed, stateBytes } from "./memory.ts";
import { backwardPasses, forwardPasses, headTime, layerTime, type Platform, type Training } from "./setting.ts";

export interface ShardedChoice {
  /** `fsdp` shards weights and gathers each layer before it is used (Zhao et al. 2023); `ddp` keeps them all on every device. */
  readonly strategy: "fsdp" | "ddp";
  /** Layers gathered ahead of the one in use. */
  readonly prefetch: number;
}

const COMPUTE = 0;
const COLLECTIVES = 1;
/** A step repeats exactly, so the difference of two runs is a step of the steady state. */
const SHORT_STEPS = 1;
const LONG_STEPS = 3;

interface Builder {
  readonly tasks: Task[];
  readonly orders: number[][];
  add(name: string, stream: number, seconds: number, after: readonly number[]): number;
}

function createBuilder(): Builder {
  const tasks: Task[] = [];
  const orders: number[][] = [[], []];
  return {
    tasks,
    orders,
    add(name, stream, seconds, after) {
      const index = tasks.push({ name, streams: [stream], seconds, after }) - 1;
      orders[stream]!.push(index);
      return index;
    },
  };
}

function runSteps(platform: Platform, training: Training, choice: ShardedChoice, steps: number): number {
  const { arch, sequences, sequenceLength, full } = training;
  const tokens = (sequences / platform.numDevices) * sequenceLength;
  const { numLayers } = arch;
  const weightBytes = decoderDimensions(arch).parameters * training.weightBytes;
  const { interconnect } = platform;
  const gather = choice.strategy === "fsdp" ? interconnect.collectiveSeconds(weightBytes, "all-gather") : 0;
  // Gradients of base weights, or of the adapter's share of this layer.
  const gradientBytes = full ? 4 * decoderDimensions(arch).parameters : (4 * training.adapterParameters) / numLayers;
  const reduce = interconnect.collectiveSeconds(
    gradientBytes,
    choice.strategy === "fsdp" && full ? "reduce-scatter" : "all-reduce",
  );
  const forward = layerTime(platform, training, tokens, forwardPasses());
  const backward = layerTime(platform, training, tokens, backwardPasses(training));
  const head = (letter: "F" | "B"): number => headTime(platform, training, tokens, letter);
  const builder = createBuilder();
  let before: number[] = [];

  for (let step = 0; step < steps; step += 1) {
    const used: number[] = [];
    const reductions: number[] = [];
    const addLayer = (letter: "F" | "B", layer: number): void => {
      // A gathered layer takes the memory of one that has been used; the first of a step wait for the update before it.
      const freed = used[used.length - 1 - choice.prefetch];
      const gathered =
        gather === 0
          ? before
          : [
              builder.add(
                `gather ${step}${letter}${layer}`,
                COLLECTIVES,
                gather,
                freed === undefined ? before : [freed],
              ),
            ];
      const seconds = letter === "F" ? forward : backward;
      used.push(builder.add(`${step}${letter}${layer}`, COMPUTE, seconds, gathered));
      if (letter === "B") reductions.push(used[used.length - 1]!);
    };
    for (let layer = 0; layer < numLayers; layer += 1) addLayer("F", layer);
    builder.add(`${step}F head`, COMPUTE, head("F"), []);
    builder.add(`${step}B head`, COMPUTE, head("B"), []);
    const pending: number[] = [];
    for (let layer = numLayers - 1; layer >= 0; layer -= 1) {
      addLayer("B", layer);
      // The gather of the next layer goes in front of this layer's reduction, so that computing does not wait for it.
      const waiting = reductions.shift();
      if (waiting !== undefined && layer < numLayers - 1)
        pending.push(builder.add(`reduce ${step} ${layer + 1}`, COLLECTIVES, reduce, [waiting]));
      else if (waiting !== undefined) reductions.unshift(waiting);
    }
    for (const waiting of reductions)
      pending.push(builder.add(`reduce ${step} last ${waiting}`, COLLECTIVES, reduce, [waiting]));
    before = pending;
  }
  return runTasks({ tasks: builder.tasks, orders: builder.orders }).makespanNs / 1e9;
}

/** Seconds of a step in which every device trains its share of the sequences. */
export function shardedStep(platform: Platform, training: Training, choice: ShardedChoice): number {
  const run = (steps: number): number => runSteps(platform, training, choice, steps);
  return (run(LONG_STEPS) - run(SHORT_STEPS)) / (LONG_STEPS - SHORT_STEPS);
}

/**
 * FSDP holds its shard, the layer in use and those gathered ahead; while it is made, each device holds the whole model, which is
 * moved there before it is cut (PyTorch's FullyShardedDataParallel with `device_id`).
 */
export function shardedMemory(
  platform: Platform,
  training: Training,
  { strategy, prefetch }: ShardedChoice,
): MemoryNeed {
  const { arch, sequences, sequenceLength, weightBytes } = training;
  const tokens = (sequences / platform.numDevices) * sequenceLength;
  const parameters = baseParameters(arch);
  const shards = strategy === "fsdp" ? platform.numDevices : 1;
  const gathered = strategy === "fsdp" ? (1 + prefetch) * decoderDimensions(arch).parameters * weightBytes : 0;
  return {
    weights: (parameters * weightBytes) / shards + gathered,
    state: stateBytes(training, parameters / shards, 1),
    activations: tokens * arch.numLayers * activationBytesPerToken(training) + headBytes(training, tokens),
    load: strategy === "fsdp" ? parameters * weightBytes : 0,
  };
}
