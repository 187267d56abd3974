// The door: load the addon, look at the machine, make a runtime.

// Operators of programs.
export type {
  AttentionBackwardOperator,
  AttentionKind,
  AttentionOperator,
  HeadLayout,
} from "./attention-operators.ts";
// Whether a GPU's launches are noted in graphs.
export type { CudaGraphs } from "./cuda-graphs.ts";
// A device: its memory, its adapters, its two in-order queues.
export type {
  AdapterPart,
  CpuDeviceOptions,
  CudaDeviceOptions,
  Device,
  DeviceOptions,
  DeviceStatistics,
  MatrixSource,
  SpeedSample,
  TableSource,
  WeightData,
} from "./device.ts";
// What a program is made of.
export type {
  CombineBackwardOperator,
  CombineOperator,
  ExpertMatmulBackwardOperator,
  ExpertMatmulOperator,
  GatherRowsOperator,
  LoraPlaces,
  Places,
  RouteBackwardOperator,
  RouteOperator,
} from "./expert-operators.ts";
// What the addon and this machine have.
export {
  buildCommand,
  buildFile,
  claimCore,
  gpuFreeBytes,
  multipliesBfloat16,
  type NativeInfo,
  nativeInfo,
  ncclInfo,
  productLibraryName,
  waysToAddon,
} from "./load.ts";
export type {
  CopyOperator,
  EmbedOperator,
  HeadLossOperator,
  LoraBackwardOperator,
  LoraOperator,
  LoraProjection,
  MatmulBackwardOperator,
  MatmulOperator,
  Operator,
  RmsnormBackwardOperator,
  RmsnormOperator,
  RopeOperator,
  SwigluBackwardOperator,
  SwigluOperator,
} from "./operators.ts";
// Losses that a run compares.
export type { PreferenceSide, PreferenceTerm } from "./preference.ts";
// Which of a library's ways of a product is taken.
export type { ProductChoice, ProductChoices } from "./product-choices.ts";
// A runtime: devices that share a clock, events and one failure.
export { createRuntime, type Runtime } from "./runtime.ts";
// How much scratch an operator needs: the planner's formula is held equal to it.
export { type ScratchShape, scratchBytes } from "./scratch.ts";
// What goes into the queues and what comes back.
export {
  type AdapterEntry,
  type Bindings,
  type CachedRows,
  type ChannelTask,
  type Completion,
  type DeviceFault,
  type Listener,
  type LossPart,
  type RunTask,
  type Segment,
  type SendTarget,
  type SendTask,
  type SumSquares,
  type Task,
  TOLD_PARTS,
  type Told,
  type UpdateItem,
  type UpdateTask,
  type UploadTask,
} from "./tasks.ts";
export type { Dtype, Handle, Space, Tensor } from "./tensors.ts";
// The ranks of a run: messages, channels and clocks between processes.
export {
  type Channel,
  type ChannelWay,
  type ClockReading,
  createLocalWorlds,
  joinMpi,
  mpiName,
  type World,
} from "./world.ts";
