import type { Architecture, GpuKernels, Projection, QuantizedDtype, TrainingLosses } from "../../plan/index.ts";

export type ProductPrecision = "bfloat16" | "float8" | "float4";

/** An accelerator as a training step on it is predicted; rates a second, those of links in one direction. */
export interface Accelerator {
  readonly name: string;
  /** Devices of one design: what is fitted to one of them holds for the others. */
  readonly generation: string;
  /** Matrix products at their peak. */
  readonly flops: Readonly<Partial<Record<ProductPrecision, number>>>;
  readonly kernels: GpuKernels;
  readonly losses: TrainingLosses;
  readonly memoryBytesPerSecond: number;
  readonly linkBytesPerSecond: number;
  readonly networkBytesPerSecond: number;
  /** Speed of attention beside products in 8 or 4 bits, relative to that in 16. */
  readonly float8Attention: number;
}

/** LoRA training, or full training, of one model on many accelerators, every one of which does the same. */
export interface TrainingSystem {
  readonly accelerator: Accelerator;
  readonly architecture: Architecture;
  /** Of all adapters of one job, in the whole model; in full training of the model. */
  readonly trainedParameters: number;
  /** Full training: the base model's weights are trained and no adapters are there. Adapters alone where absent. */
  readonly isFull?: true;
  /** Projections with adapters; all where absent. */
  readonly targets?: readonly Projection[];
  readonly accelerators: number;
  readonly tensorParallel: number;
  readonly contextParallel: number;
  readonly contextExchange: "all-to-all" | "ring";
  /** Stages of as many layers each; the last one has the head too. */
  readonly pipelineParallel: number;
  /** Tokens of a micro-batch: one packed row. */
  readonly tokens: number;
  /** Tokens that attend to each other, on average over tokens: all of a micro-batch when absent. */
  readonly sequence?: number;
  /** Micro-batches of a step on each accelerator. */
  readonly accumulation: number;
  readonly precision: ProductPrecision;
  readonly recomputedLayers: number;
  /** The base model's parameters are spread over all accelerators, and gathered as they are needed (ZeRO-3). */
  readonly isSharded: boolean;
  /** Kernels are launched as recorded graphs. */
  readonly hasGraphs: boolean;
  /** Collectives of tensor parallelism run beside products. */
  readonly overlaps: boolean;
  /** Accelerators that the link between them connects. */
  readonly scaleUp: number;
  /** Groups of layers, far apart, that each stage has: a pipeline fills in as much less (interleaved 1F1B). 1 if absent. */
  readonly virtualStages?: number;
  /** Micro-batches after which a pipeline drains before it fills again. Those of a step if absent. */
  readonly drainAfter?: number;
  /** How the base model's weights are kept that are made 16 bits anew for each pass. As products take them if absent. */
  readonly quantized?: QuantizedDtype;
}
