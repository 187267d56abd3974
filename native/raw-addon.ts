// The addon as it is: opaque handles, flat arguments and rows of records.ts. It checks what it is given before it does
// anything (docs/internals/kernels.md). Only this folder sees it.
import type { Tensor } from "./tensors.ts";

declare const kind: unique symbol;
export type RawRuntime = { readonly [kind]: "runtime" };
export type RawDevice = { readonly [kind]: "device" };
export type RawWorld = { readonly [kind]: "world" };
export type RawChannel = { readonly [kind]: "channel" };

/** Through the hosts' memory, or from GPU to GPU by NCCL. */
export type ChannelWay = "host" | "nccl";

type Isa = "amx-bf16" | "avx512bf16" | "avx512" | "avx2" | "generic";

export interface RawInfo {
  readonly version: string;
  /** Its version; "none" where the addon was built without it. */
  readonly onednn: string;
  readonly isa: Isa;
  /** What `isa` would be in a build for all processors. */
  readonly isaOfProcessor: Isa;
  readonly cpuModel: string;
  readonly cores: readonly number[];
  readonly cuda: RawCudaInfo;
}

/** The GPUs that CUDA shows; `reason` says why there are none. `built`: whether the addon has the CUDA backend. */
export interface RawCudaInfo {
  readonly built: boolean;
  readonly reason: string;
  readonly devices: readonly {
    readonly name: string;
    readonly memoryBytes: number;
    readonly computeCapability: string;
  }[];
}

/** What moves messages between GPUs of different ranks. */
export interface RawNcclInfo {
  /** With its version; empty where it cannot be used. */
  readonly name: string;
  /** Why it cannot; else empty. */
  readonly reason: string;
  /** By index: what no other GPU of any machine is called. */
  readonly gpus: readonly string[];
}

/** Fields that an error thrown by the addon carries beside its message. */
export interface RawErrorFields {
  readonly expected?: string;
  readonly at?: string;
  readonly got?: string;
}

/** What stopped the runtime. */
export interface RawFailure {
  readonly device: string;
  readonly id: number;
  readonly operator: string;
  readonly message: string;
}

export interface RawCompletion {
  readonly device: string;
  readonly stream: "compute" | "send" | "receive";
  readonly id: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly losses?: Float64Array;
  readonly sumSquares?: Float64Array;
  readonly parameters?: Float32Array;
  readonly opNs?: Float64Array;
  readonly interruptedNs?: number;
  readonly delayedNs?: number;
  readonly switches?: number;
}

export interface RawBatch {
  readonly completions: readonly RawCompletion[];
  /** Each delivered once. */
  readonly failures: readonly RawFailure[];
}

/** What a rank has received since the last call. */
export interface RawWorldBatch {
  readonly received: readonly { readonly from: number; readonly message: Uint8Array }[];
  /** Of each comparison of clocks: own time, what rank 0's showed more, round trip; nanoseconds. */
  readonly readings: Float64Array;
  /** Empty while the other ranks can be reached. */
  readonly failure: string;
  readonly isFinished: boolean;
}

export interface RawBindings {
  /** RECORDS.Run, one row. */
  readonly run: Float64Array;
  readonly ids: Int32Array | undefined;
  readonly targets: Int32Array | undefined;
  readonly sequences: Int32Array;
  readonly rowKeys: Int32Array | undefined;
  readonly logitRows: Int32Array | undefined;
  /** RECORDS.Segment. */
  readonly segments: Float64Array;
  /** RECORDS.LossPart; none: one of each segment. */
  readonly losses: Float64Array;
  /** RECORDS.CachedRows. */
  readonly caches: Float64Array;
  /** RECORDS.Preference. */
  readonly preferences: Float64Array;
  /** RECORDS.SumSquares. */
  readonly sumSquares: Float64Array;
  readonly profile: boolean;
}

export type RawOperator = Readonly<Record<string, string | number | boolean | Tensor>>;

/** Of each its record, one row. */
export interface RawStatistics {
  readonly times: Float64Array;
  readonly memory: Float64Array;
  readonly graphs: Float64Array;
}

export interface RawProducts {
  /** Name and version of the library. */
  readonly name: string;
  /** RECORDS.ProductChoice. */
  readonly rows: Float64Array;
  /** Of each row: 128 hexadecimal digits. */
  readonly algorithms: readonly string[];
}

export interface RawCudaOptions {
  readonly index: number;
  readonly graphs: string;
  readonly graphRoomBytes: number;
  readonly products: RawProducts;
  readonly measureProducts: boolean;
}

/**
 * What a launch of an emulated kernel moved, in bytes of whole 32-byte sectors (`Again`: in sectors that the launch had
 * already read, or written) and in cycles of shared memory; `mma` counts products of 4096 operations.
 */
export interface RawLaunch {
  readonly kernel: string;
  readonly readBytes: number;
  readonly readAgainBytes: number;
  readonly writtenBytes: number;
  readonly writtenAgainBytes: number;
  readonly sharedCycles: number;
  /** Of the cycles, those that a warp waits for since its lanes meet in a bank. */
  readonly sharedConflicts: number;
  readonly mma: number;
}

export interface RawAddon {
  /** Of addons over the emulation: whether launches are counted from now on. Throws where accesses are not checked. */
  countLaunches?(on: boolean): void;
  /** Of addons over the emulation: what was counted since the last call, in order. */
  takeLaunches?(): readonly RawLaunch[];
  /** The fields of each of RECORDS, as the addon has them: `"adapter, cell"`. */
  readonly records: Readonly<Record<string, string>>;
  info(): RawInfo;
  /** Whether a core, by its id, is this process's until it ends: false where another process has it. */
  claimCore(core: number): boolean;
  /** Makes a context on the GPU. */
  cudaFreeBytes(index: number): number;
  scratchBytes(operator: string, shape: Readonly<Record<string, number | string>>): number;
  /** What multiplies on GPUs, with its version; empty where nothing does. Loads it. */
  productLibraryName(): string;
  ncclInfo(): RawNcclInfo;
  createRuntime(notify: () => void): RawRuntime;
  /** Takes what finished since the last call. */
  drain(runtime: RawRuntime): RawBatch;
  /** Whether the runtime holds the event loop open. */
  keepAlive(runtime: RawRuntime, alive: boolean): void;
  disposeRuntime(runtime: RawRuntime): void;
  /** Waits for no thread and gives nothing back; no device of it may be asked anything any more. */
  abandonRuntime(runtime: RawRuntime): void;
  /** Before the device of that name is made. */
  setDomain(runtime: RawRuntime, device: string, domain: number): void;
  createEvents(runtime: RawRuntime, count: number): number;
  renewEvents(runtime: RawRuntime, events: readonly number[]): void;
  createNormCells(runtime: RawRuntime, count: number): number;
  signal(runtime: RawRuntime, event: number): void;
  nowNs(runtime: RawRuntime): number;
  /** What the machine's monotonic clock showed when `nowNs` was 0. */
  originNs(runtime: RawRuntime): number;
  createDevice(runtime: RawRuntime, name: string, cores: readonly number[]): RawDevice;
  createCudaDevice(runtime: RawRuntime, name: string, options: RawCudaOptions): RawDevice;
  products(device: RawDevice): RawProducts;
  /** Drops what is pending, joins the threads and gives the memory back. */
  disposeDevice(device: RawDevice): void;
  loadMatrix(
    device: RawDevice,
    name: string,
    out: number,
    inFeatures: number,
    data: Float32Array | Uint16Array,
    backward: boolean,
    dtype: string,
    sharedAs: string,
    experts: number,
    forMagnitudes: boolean,
  ): number;
  /** The same on a thread of its own where the kind of device can; until it is settled the device answers nothing. */
  packMatrix(...args: Parameters<RawAddon["loadMatrix"]>): Promise<number>;
  loadVector(device: RawDevice, data: Float32Array, sharedAs: string): number;
  loadTable(
    device: RawDevice,
    rows: number,
    columns: number,
    data: Float32Array | Uint16Array,
    dtype: string,
    sharedAs: string,
  ): number;
  /** A handle to what a device of the same memory has loaded under the key; -1 where none has. */
  shareWeights(device: RawDevice, kind: "matrix" | "vector" | "table", key: string): number;
  /** RECORDS.AdapterEntry; of entries with tokens, which have no outFeatures, these one after another. */
  createAdapter(device: RawDevice, entries: Float64Array, frozen: boolean, tokens?: Int32Array): number;
  releaseAdapter(device: RawDevice, adapter: number): void;
  writeAdapter(device: RawDevice, adapter: number, part: string, data: Float32Array): void;
  readAdapter(device: RawDevice, adapter: number, part: string): Float32Array;
  reserveArena(device: RawDevice, bytes: number): void;
  /** As packMatrix is to loadMatrix. */
  prepareArena(device: RawDevice, bytes: number): Promise<void>;
  writeArena(device: RawDevice, offset: number, data: Float32Array): void;
  readArena(device: RawDevice, offset: number, count: number): Float32Array;
  createProgram(device: RawDevice, operators: readonly RawOperator[]): number;
  /** `signal` is -1 for none. */
  enqueueRun(
    device: RawDevice,
    id: number,
    waits: readonly number[],
    signal: number,
    program: number,
    bindings: RawBindings,
    /** Pairs of rank and generation; none where absent. */
    listeners?: readonly number[],
    toldCells?: readonly number[],
  ): void;
  /** `items`: RECORDS.UpdateItem, each with its norm cells. */
  enqueueUpdate(
    device: RawDevice,
    id: number,
    waits: readonly number[],
    signal: number,
    items: Float64Array,
    normCells: readonly (readonly number[])[],
  ): void;
  enqueueSend(
    device: RawDevice,
    id: number,
    waits: readonly number[],
    signal: number,
    source: number,
    bytes: number,
    destination: RawDevice,
    destinationOffset: number,
  ): void;
  enqueueChannelSend(
    device: RawDevice,
    id: number,
    waits: readonly number[],
    signal: number,
    source: number,
    bytes: number,
    channel: RawChannel,
  ): void;
  enqueueReceive(
    device: RawDevice,
    id: number,
    waits: readonly number[],
    signal: number,
    destination: number,
    bytes: number,
    channel: RawChannel,
    listeners?: readonly number[],
  ): void;
  enqueueUpload(
    device: RawDevice,
    id: number,
    waits: readonly number[],
    signal: number,
    data: Float32Array,
    destinationOffset: number,
  ): void;
  enqueueFault(device: RawDevice, id: number, waits: readonly number[], signal: number, fault: string): void;
  statistics(device: RawDevice): RawStatistics;
  sampleSpeed(device: RawDevice, dtype: string, everyNs: number): void;
  /** RECORDS.SpeedSample. */
  takeSpeedSamples(device: RawDevice): Float64Array;
  /** So many ranks in this process, each with the function that is called when it has something to drain. */
  createLocalWorlds(notify: readonly (() => void)[]): readonly RawWorld[];
  joinMpi(library: string, silenceNs: number, notify: () => void): RawWorld;
  mpiName(library: string): string;
  worldInfo(world: RawWorld): { readonly rank: number; readonly size: number; readonly name: string };
  attachRuntime(world: RawWorld, runtime: RawRuntime): void;
  postMessage(world: RawWorld, to: number, message: Uint8Array): void;
  drainWorld(world: RawWorld): RawWorldBatch;
  createChannel(world: RawWorld, peer: number, channel: number, way: ChannelWay): RawChannel;
  readClock(world: RawWorld): void;
  finishWorld(world: RawWorld): void;
  closeWorld(world: RawWorld): void;
}
