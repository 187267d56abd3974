import { decoderDimensions } from "../../plan/index.ts";
import { activationBytesPerToken, baseParameters, headBytes, type MemoryNeed, stateBytes } from "./memory.ts";
import { backwardPasses, forwardPasses, headTime, layerTime, type Platform, type Training } from "./setting.ts";

/** All-reduces of a layer's activations in each pass over it: after attention and after the MLP (Shoeybi et al. 2019, Megatron-LM). */
const REDUCES_PER_PASS = 2;

/** Seconds of a step with every matrix product split over all devices; nothing hides the all-reduces, since each product waits for one. */
export function tensorParallelStep(platform: Platform, training: Training): number {
  const { arch, sequences, sequenceLength, microBatches, activationBytes } = training;
  const split = platform.numDevices;
  const tokens = (sequences / microBatches) * sequenceLength;
  const passes = [...forwardPasses(), ...backwardPasses(training)];
  const reduces = REDUCES_PER_PASS * passes.filter((pass) => pass !== "W").length;
  const reduce = platform.interconnect.collectiveSeconds(tokens * arch.hiddenSize * activationBytes, "all-reduce");
  const layer = layerTime(platform, training, tokens, passes, split) + reduces * reduce;
  const head = headTime(platform, training, tokens, "F", split) + headTime(platform, training, tokens, "B", split);
  return microBatches * (arch.numLayers * layer + head);
}

/** Weights and the features inside a layer are split; what enters a layer is whole on every device. */
export function tensorParallelMemory(platform: Platform, training: Training): MemoryNeed {
  const { arch, sequences, sequenceLength, microBatches } = training;
  const split = platform.numDevices;
  const tokens = (sequences / microBatches) * sequenceLength;
  const whole =
    training.activationBytes * (training.recompute ? arch.hiddenSize : decoderDimensions(arch).replicatedFeatures);
  const perLayer = whole + (activationBytesPerToken(training) - whole) / split;
  const parameters = baseParameters(arch) / split;
  return {
    weights: parameters * training.weightBytes,
    state: stateBytes(training, parameters, 1) / (training.full ? 1 : split),
    activations: tokens * arch.numLayers * perLayer + headBytes(training, tokens) / split,
    load: 0,
  };
}
