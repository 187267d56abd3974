import { DeviceError } from "../core/index.ts";
import { checkCount, checkLength, guarded, guardedPromise } from "./checks.ts";
import { type CudaGraphs, cudaGraphsOfEnvironment } from "./cuda-graphs.ts";
import type { Operator } from "./operators.ts";
import { packBindings, packEntries, packItems, packTokens } from "./pack-tasks.ts";
import { type ProductChoices, packProducts, unpackProducts } from "./product-choices.ts";
import type { RawAddon, RawDevice, RawOperator, RawRuntime } from "./raw-addon.ts";
import { RECORDS } from "./records.ts";
import type {
  AdapterEntry,
  ChannelTask,
  DeviceFault,
  Listener,
  RunTask,
  SendTarget,
  SendTask,
  Task,
  UpdateTask,
  UploadTask,
} from "./tasks.ts";
import type { Dtype, Handle, WeightDtype } from "./tensors.ts";
import { rawChannel } from "./world.ts";

/** `cores` = ids of the CPUs that the device's threads are pinned to; one pool thread for each. */
export interface CpuDeviceOptions {
  readonly kind?: "cpu";
  readonly name: string;
  /** Devices of a domain wait for each other alone, and stop together when one of them fails; 0 when absent. */
  readonly domain?: number;
  readonly cores: readonly number[];
}

/**
 * `index` = the GPU, as CUDA counts; several devices may share one. `graphs`: see `CudaGraphs`; LORATWIN_CUDA_GRAPHS, or
 * `auto`, when absent. `graphRoomBytes` of the GPU's memory are for graphs; when absent, none are kept. `products`: the
 * ways that were chosen before; for a product without one, or of another library than the one that is here, it is the
 * library's first. `measureProducts`: where `products` has none for a product's shape and rows, all ways are timed at its
 * first run, whose results mean nothing then.
 */
export interface CudaDeviceOptions {
  readonly kind: "cuda";
  readonly name: string;
  readonly domain?: number;
  readonly index: number;
  readonly graphs?: CudaGraphs;
  readonly graphRoomBytes?: number;
  readonly products?: ProductChoices;
  readonly measureProducts?: boolean;
}

export type DeviceOptions = CpuDeviceOptions | CudaDeviceOptions;

/** Floats, or the bits of bfloat16 elements. */
export type WeightData = Float32Array | Uint16Array;

/**
 * A frozen weight W [out, in], row major, kept as `dtype` (floats are rounded to it); `backward` also packs it for dx =
 * dy W. A product sees int8 and nf4 as bfloat16, in both directions. The data are not kept. With `experts` it is as many
 * such matrices, one after another: W [experts, out, in], of `expertMatmul`.
 */
export interface MatrixSource {
  readonly name: string;
  readonly out: number;
  readonly in: number;
  readonly experts?: number;
  readonly data: WeightData;
  readonly dtype?: WeightDtype;
  readonly backward: boolean;
  /** Whether adapters with magnitudes may be on it; false when absent. */
  readonly forMagnitudes?: boolean;
  readonly sharedAs?: string;
}

/** An embedding table [rows, columns], row major, kept as `dtype`. */
export interface TableSource {
  readonly rows: number;
  readonly columns: number;
  readonly data: WeightData;
  readonly dtype?: Dtype;
  readonly sharedAs?: string;
}

/** What of the frozen weights devices can share. */
export type SharedKind = "matrix" | "vector" | "table";

/** The flat vectors of an adapter, equally long. */
export type AdapterPart = "parameters" | "gradients" | "firstMoment" | "secondMoment";

/** Of the compute stream, since the device was made; and the device's memory now. */
export interface DeviceStatistics {
  readonly busyNs: number;
  /** Head of the queue waiting for its events. */
  readonly waitNs: number;
  /** Queue empty after the first task: waiting for JavaScript. */
  readonly starvedNs: number;
  /** Updates before which the host waited until all that the GPU had been given was done: see `normCells`. */
  readonly hostWaits: number;
  readonly memory: {
    readonly weightsBytes: number;
    readonly arenaBytes: number;
    readonly adaptersBytes: number;
    readonly otherBytes: number;
    /** The largest sum of the four so far. */
    readonly peakBytes: number;
  };
  /**
   * CUDA graphs captured and launched since the device was made, kept now, and runs whose graph could not be captured
   * or kept; the nodes of those kept, and what the driver has taken for them of the device's memory.
   */
  readonly graphs: {
    readonly captured: number;
    readonly launched: number;
    readonly kept: number;
    readonly refused: number;
    readonly nodes: number;
    readonly bytes: number;
  };
}

/** How fast a core was at one moment between two actions. */
export interface SpeedSample {
  /** On the clock of the completions. */
  readonly atNs: number;
  /** FLOP/s of a small product. */
  readonly product: number;
  /** Bytes/s read and written by a small copy. */
  readonly copy: number;
}

/** One device: memory, adapters, programs, and a compute and a send queue, each strictly in order. */
export interface Device extends Disposable {
  readonly name: string;
  /** Empty on a GPU. */
  readonly cores: readonly number[];
  /**
   * Weights that are loaded with a key `sharedAs` are there for the other devices of their memory (this machine's for
   * CPU devices, a GPU's for those on it), and are counted by the device that loaded them.
   * @throws DeviceError while tasks are pending, since packing uses the device's matmul engine; for a key that is
   * taken.
   */
  loadMatrix(source: MatrixSource): Handle;
  /**
   * loadMatrix beside JavaScript's thread, so that several devices pack at a time; CUDA devices do it at once. Until it
   * has ended nothing else may be asked of the device, and the data must not change.
   */
  packMatrix(source: MatrixSource): Promise<Handle>;
  loadVector(data: Float32Array, sharedAs?: string): Handle;
  loadTable(source: TableSource): Handle;
  /**
   * What another device of this one's memory has loaded under the key; undefined where none has. @throws DeviceError as
   * loadMatrix does.
   */
  shareWeights(kind: SharedKind, key: string): Handle | undefined;
  /** `frozen`: it has its parameters alone, and no gradient or update. */
  createAdapter(entries: readonly AdapterEntry[], frozen?: boolean): Handle;
  /** Gives the adapter's memory back. @throws DeviceError while a pending task uses it. */
  releaseAdapter(adapter: Handle): void;
  /** @throws DeviceError while a pending task uses the adapter. */
  writeAdapter(adapter: Handle, part: AdapterPart, data: Float32Array): void;
  /** @throws DeviceError while a pending task uses the adapter. */
  readAdapter(adapter: Handle, part: AdapterPart): Float32Array;
  /** Replaces the arena, zeroed. @throws DeviceError while tasks are pending. */
  reserveArena(bytes: number): void;
  /** reserveArena as packMatrix is to loadMatrix: zeroing takes as long as packing where the memory is new. */
  prepareArena(bytes: number): Promise<void>;
  /** @throws DeviceError while tasks are pending or outside the arena. */
  writeArena(offset: number, data: Float32Array): void;
  /** @throws DeviceError while tasks are pending or outside the arena. */
  readArena(offset: number, count: number): Float32Array;
  /** @throws DeviceError with index, name and field of an operator that is wrong. */
  createProgram(operators: readonly Operator[]): Handle;
  /** @throws DeviceError when a tensor would lie outside the arena, or a binding is wrong. */
  enqueueRun(task: RunTask): void;
  enqueueUpdate(task: UpdateTask): void;
  enqueueSend(task: SendTask): void;
  /** A send ends when the receiver has begun to take it, a receive when all bytes are there. */
  enqueueChannelSend(task: ChannelTask): void;
  enqueueReceive(task: ChannelTask): void;
  enqueueUpload(task: UploadTask): void;
  /** A task that goes wrong, to see what becomes of a run. */
  enqueueFault(task: Task, fault: DeviceFault): void;
  statistics(): DeviceStatistics;
  /**
   * The ways of products that it was given and has measured, while no task is pending; `undefined` where products have
   * one way.
   */
  products(): ProductChoices | undefined;
  /**
   * From now on a CPU device samples its first core between two tasks, with a product of `dtype` and a copy that
   * together take some 200 us: after so many nanoseconds, or a quarter of them where the next task has to wait anyway.
   */
  sampleSpeed(dtype: Dtype, everyNs: number): void;
  /** Those since the last call; none where nobody samples. */
  takeSpeedSamples(): readonly SpeedSample[];
}

/** What the runtime wants to know of a device. */
interface DeviceObserver {
  /** Before a task goes in; throws when the runtime has stopped. */
  enqueued(): void;
  /** The task announced last was refused. */
  dropped(): void;
  disposed(): void;
}

const rawDevices = new WeakMap<SendTarget, RawDevice>();

type MatrixArguments = Parameters<RawAddon["loadMatrix"]> extends [RawDevice, ...infer Others] ? Others : never;

function matrixArguments(source: MatrixSource): MatrixArguments {
  const out = checkCount(source.out, `matrix ${source.name}.out`, 1);
  const inFeatures = checkCount(source.in, `matrix ${source.name}.in`, 1);
  const experts = checkCount(source.experts ?? 1, `matrix ${source.name}.experts`, 1);
  checkLength(source.data, experts * out * inFeatures, `matrix ${source.name}.data`);
  const { name, data, backward, dtype = "float32", sharedAs = "", forMagnitudes = false } = source;
  return [name, out, inFeatures, data, backward, dtype, sharedAs, experts, forMagnitudes];
}

/** Pairs, as the addon takes them. */
function rawListeners(listeners: readonly Listener[] | undefined): readonly number[] | undefined {
  return listeners?.flatMap(({ rank, generation }) => [rank, generation]);
}

function packOperators(operators: readonly Operator[]): readonly RawOperator[] {
  return operators.map((operator) => {
    const given = Object.entries(operator).filter(([, value]) => value !== undefined);
    return Object.fromEntries(given) as RawOperator;
  });
}

function createRaw(addon: RawAddon, runtime: RawRuntime, options: DeviceOptions): RawDevice {
  const { name, domain = 0 } = options;
  guarded(() => addon.setDomain(runtime, name, checkCount(domain, "createDevice.domain")));
  if (options.kind === "cuda") {
    const index = checkCount(options.index, "createDevice.index");
    const { graphRoomBytes = 0, products, measureProducts = false } = options;
    const raw = {
      index,
      graphs: options.graphs ?? cudaGraphsOfEnvironment(),
      graphRoomBytes: checkCount(graphRoomBytes, "createDevice.graphRoomBytes"),
      products: packProducts(products ?? { library: "", choices: [] }),
      measureProducts,
    };
    return guarded(() => addon.createCudaDevice(runtime, name, raw));
  }
  const { cores } = options;
  if (cores.length === 0) throw new DeviceError({ expected: "at least one core", at: `device ${name}`, got: cores });
  cores.forEach((core, index) => {
    checkCount(core, `createDevice.cores[${index}]`);
  });
  return guarded(() => addon.createDevice(runtime, name, cores));
}

/** @throws DeviceError on a core that this process may not use, a GPU that is not there, or a build without CUDA. */
export function createDevice(
  addon: RawAddon,
  runtime: RawRuntime,
  options: DeviceOptions,
  observer: DeviceObserver,
): Device {
  const { name } = options;
  const cores = options.kind === "cuda" ? [] : [...options.cores];
  const raw = createRaw(addon, runtime, options);
  let disposed = false;

  const enqueue = (task: Task, put: (id: number, waits: readonly number[], signal: number) => void): void => {
    const id = checkCount(task.id, "task.id");
    observer.enqueued();
    try {
      guarded(() => put(id, task.waits, task.signal ?? -1));
    } catch (error) {
      observer.dropped();
      throw error;
    }
  };

  const device: Device = {
    name,
    cores,
    loadMatrix: (source) => guarded(() => addon.loadMatrix(raw, ...matrixArguments(source))),
    packMatrix: (source) => guardedPromise(() => addon.packMatrix(raw, ...matrixArguments(source))),
    loadVector: (data, sharedAs = "") => guarded(() => addon.loadVector(raw, data, sharedAs)),
    loadTable(source) {
      checkLength(source.data, checkCount(source.rows, "table.rows", 1) * source.columns, "table.data");
      const { rows, columns, data, dtype = "float32", sharedAs = "" } = source;
      return guarded(() => addon.loadTable(raw, rows, columns, data, dtype, sharedAs));
    },
    shareWeights(kind, key) {
      const handle = guarded(() => addon.shareWeights(raw, kind, key));
      return handle < 0 ? undefined : handle;
    },
    createAdapter: (entries, frozen = false) =>
      guarded(() => addon.createAdapter(raw, packEntries(entries), frozen, packTokens(entries))),
    releaseAdapter: (adapter) => guarded(() => addon.releaseAdapter(raw, adapter)),
    writeAdapter: (adapter, part, data) => guarded(() => addon.writeAdapter(raw, adapter, part, data)),
    readAdapter: (adapter, part) => guarded(() => addon.readAdapter(raw, adapter, part)),
    reserveArena: (bytes) => guarded(() => addon.reserveArena(raw, checkCount(bytes, "reserveArena(bytes)"))),
    prepareArena: (bytes) => guardedPromise(() => addon.prepareArena(raw, checkCount(bytes, "prepareArena(bytes)"))),
    writeArena: (offset, data) => guarded(() => addon.writeArena(raw, checkCount(offset, "writeArena(offset)"), data)),
    readArena: (offset, count) =>
      guarded(() =>
        addon.readArena(raw, checkCount(offset, "readArena(offset)"), checkCount(count, "readArena(count)")),
      ),
    createProgram: (operators) => guarded(() => addon.createProgram(raw, packOperators(operators))),
    enqueueRun(task) {
      const bindings = packBindings(task.bindings);
      const listeners = rawListeners(task.listeners);
      const cells = listeners === undefined ? undefined : task.bindings.sumSquares?.map(({ cell }) => cell);
      enqueue(task, (id, waits, signal) =>
        addon.enqueueRun(raw, id, waits, signal, task.program, bindings, listeners, cells),
      );
    },
    enqueueUpdate(task) {
      const items = packItems(task);
      const cells = task.items.map((item) => item.normCells);
      enqueue(task, (id, waits, signal) => addon.enqueueUpdate(raw, id, waits, signal, items, cells));
    },
    enqueueSend(task) {
      const source = checkCount(task.source, "send.source");
      const bytes = checkCount(task.bytes, "send.bytes");
      const offset = checkCount(task.destinationOffset, "send.destinationOffset");
      const destination = rawDevices.get(task.destination);
      if (destination === undefined) throw new DeviceError({ expected: "a device", at: "send.destination" });
      enqueue(task, (id, waits, signal) =>
        addon.enqueueSend(raw, id, waits, signal, source, bytes, destination, offset),
      );
    },
    enqueueChannelSend({ offset, bytes, channel, ...task }) {
      const source = checkCount(offset, "send.source");
      const count = checkCount(bytes, "send.bytes");
      enqueue(task, (id, waits, signal) =>
        addon.enqueueChannelSend(raw, id, waits, signal, source, count, rawChannel(channel)),
      );
    },
    enqueueReceive({ offset, bytes, channel, listeners, ...task }) {
      const destination = checkCount(offset, "receive.destination");
      const count = checkCount(bytes, "receive.bytes");
      enqueue(task, (id, waits, signal) =>
        addon.enqueueReceive(raw, id, waits, signal, destination, count, rawChannel(channel), rawListeners(listeners)),
      );
    },
    enqueueUpload(task) {
      const offset = checkCount(task.destinationOffset, "upload.destinationOffset");
      enqueue(task, (id, waits, signal) => addon.enqueueUpload(raw, id, waits, signal, task.data, offset));
    },
    enqueueFault(task, fault) {
      enqueue(task, (id, waits, signal) => addon.enqueueFault(raw, id, waits, signal, fault));
    },
    statistics() {
      const { times, memory, graphs } = guarded(() => addon.statistics(raw));
      return {
        ...RECORDS.Times.unpack(times)[0]!,
        memory: RECORDS.Memory.unpack(memory)[0]!,
        graphs: RECORDS.Graphs.unpack(graphs)[0]!,
      };
    },
    products: () => unpackProducts(guarded(() => addon.products(raw))),
    sampleSpeed: (dtype, everyNs) =>
      guarded(() => addon.sampleSpeed(raw, dtype, checkCount(everyNs, "sampleSpeed(everyNs)", 1))),
    takeSpeedSamples: () => RECORDS.SpeedSample.unpack(guarded(() => addon.takeSpeedSamples(raw))),
    [Symbol.dispose]() {
      if (disposed) return;
      disposed = true;
      addon.disposeDevice(raw);
      observer.disposed();
    },
  };
  rawDevices.set(device, raw);
  return device;
}
