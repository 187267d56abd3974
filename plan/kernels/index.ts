// Layers on a GPU, and its kernels: what they were measured to take, as few figures.

export type { AttentionFigures, CollectiveFigures, KernelFigures, ProductFigures } from "../documents/kernels.ts";
export { attentionSeconds, attentionShare, BACKWARD_FORWARDS } from "./attention-seconds.ts";
export { type Collective, collectiveSeconds } from "./collective-seconds.ts";
export { type GpuKernels, gpuKernels, type KernelSource } from "./gpu-kernels.ts";
export {
  type DevicePeaks,
  decoderDimensions,
  deviceSeconds,
  gptDimensions,
  heldParameters,
  type LayerDimensions,
  type LayerEfficiency,
  type LayerPass,
  type LayerShape,
  type LayerWork,
  layerSeconds,
  layerWork,
} from "./layer-cost.ts";
export { adaptedFeatures, adapterPasses, headProductSeconds, layerProductSeconds } from "./layer-kernels.ts";
export { productSeconds } from "./product-seconds.ts";
