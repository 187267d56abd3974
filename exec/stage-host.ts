import type { DeviceError } from "../core/index.ts";
import {
  createRuntime,
  type Device,
  type DeviceOptions,
  type Handle,
  type RunTask,
  type Runtime,
  type SendTask,
} from "../native/index.ts";
import { type Setting, type Stage, trainsEmbedding } from "../plan/index.ts";
import { assignDevices } from "./assign-devices.ts";
import type { Later } from "./later.ts";
import type { BaseModel } from "./model-folder.ts";
import { type ProductMeasurement, withProducts } from "./products.ts";
import type { MachineClock } from "./ranks/rank-clock.ts";
import { loadStageWeights, type StageWeights } from "./stage-weights.ts";

/** A run whose end ranks hear of. */
export interface HeardRunTask extends Omit<RunTask, "listeners"> {
  readonly listeners?: readonly number[];
}

/**
 * A message from a stage's device to another's. `receiveWaits`: of its receive, where that is a task of its own;
 * `isHeld`: the sender hears of its event when it has arrived, and not when it has left.
 */
export interface StageMessage extends Omit<SendTask, "destination"> {
  readonly destination: StageDevice;
  readonly receiveWaits?: readonly number[] | undefined;
  readonly isHeld?: boolean;
}

/** What a stage's runner asks of its device, in this process or on another rank. */
export interface StageDevice
  extends Pick<
    Device,
    | "name"
    | "createAdapter"
    | "releaseAdapter"
    | "writeAdapter"
    | "createProgram"
    | "enqueueUpdate"
    | "enqueueFault"
    | "statistics"
    | "products"
    | "sampleSpeed"
    | "takeSpeedSamples"
  > {
  /** Nothing that is queued may use the adapter. */
  readAdapter(adapter: Handle, part: Parameters<Device["readAdapter"]>[1]): Later<Float32Array>;
  /** So many floats of the arena; nothing that is queued may write there. */
  readArena(offset: number, count: number): Later<Float32Array>;
  /** Bytes that a new adapter has taken, by the device's own count, once it has said so. */
  adapterBytes(adapter: Handle): number;
  enqueueRun(task: HeardRunTask): void;
  enqueueSend(message: StageMessage): void;
}

export interface StageOpening {
  readonly stage: Stage;
  /** The number of its pipeline: devices of a pipeline stop together. */
  readonly domain: number;
  readonly arenaBytes: number;
  /** Ends when the stages have loaded whose weights this one may share. */
  readonly weightsBefore: Promise<unknown>;
}

export interface OpenStage {
  readonly device: StageDevice;
  readonly weights: StageWeights;
}

/** Where stages run: events, norm cells and a clock that their devices share, as `Runtime` has them. */
export interface StageHost
  extends Pick<
    Runtime,
    | "createEvents"
    | "renewEvents"
    | "createNormCells"
    | "signal"
    | "nowNs"
    | "onComplete"
    | "onError"
    | "idle"
    | "abandon"
    | typeof Symbol.dispose
  > {
  /** Told when no stage can go on: a rank of a run over several machines has failed. */
  onFailure(callback: (error: DeviceError) => void): void;
  /** Before the first stage. */
  prepare(input: HostInput): void;
  /** A stage's device with its arena and its weights. @throws DeviceError, InputError */
  openStage(opening: StageOpening): Promise<OpenStage>;
  /** Somebody has asked for an end: of several machines, whether all are there to come to it is looked at. */
  ending(): void;
  /** What devices say of themselves, statistics, samples and products, is what it is now. */
  settle(): Promise<void>;
  /** Of other machines, how their clocks go. */
  readonly clocks: readonly MachineClock[];
}

export interface HostInput {
  readonly setting: Setting;
  readonly model: BaseModel;
  readonly measureProducts?: ProductMeasurement | undefined;
}

/** A device of a runtime of this process, with an arena and the weights of a stage. */
export async function openLocalStage(
  runtime: Runtime,
  options: DeviceOptions,
  { setting, model }: HostInput,
  { stage, domain, arenaBytes, weightsBefore }: StageOpening,
): Promise<{ readonly device: Device; readonly weights: StageWeights }> {
  const device = runtime.createDevice({ ...options, domain });
  await device.prepareArena(arenaBytes);
  await weightsBefore;
  // Of all pipelines: those of one machine share what they load.
  const dora = setting.pipelines.flatMap(({ room }) => room.dora ?? []);
  const { room } = setting.pipelines.find(({ endStage }) => stage.index < endStage)!;
  const form = { dtype: setting.model.dtype, dora, trainsEmbedding: trainsEmbedding(room) };
  return { device, weights: await loadStageWeights(device, model, stage, form) };
}

/** A device of this process as its stage's runner sees it. */
export function localStageDevice(device: Device, deviceOf: (other: StageDevice) => Device): StageDevice {
  const bytes = new Map<Handle, number>();
  return {
    name: device.name,
    createAdapter(entries, frozen) {
      const before = device.statistics().memory.adaptersBytes;
      const handle = device.createAdapter(entries, frozen);
      bytes.set(handle, device.statistics().memory.adaptersBytes - before);
      return handle;
    },
    adapterBytes: (adapter) => bytes.get(adapter)!,
    releaseAdapter: (adapter) => device.releaseAdapter(adapter),
    writeAdapter: (adapter, part, data) => device.writeAdapter(adapter, part, data),
    readAdapter: (adapter, part) => device.readAdapter(adapter, part),
    readArena: (offset, count) => device.readArena(offset, count),
    createProgram: (operators) => device.createProgram(operators),
    enqueueRun: ({ listeners: _, ...task }) => device.enqueueRun(task),
    enqueueUpdate: (task) => device.enqueueUpdate(task),
    enqueueSend: (message) => device.enqueueSend({ ...message, destination: deviceOf(message.destination) }),
    enqueueFault: (task, fault) => device.enqueueFault(task, fault),
    statistics: () => device.statistics(),
    products: () => device.products(),
    sampleSpeed: (dtype, everyNs) => device.sampleSpeed(dtype, everyNs),
    takeSpeedSamples: () => device.takeSpeedSamples(),
  };
}

/** Stages on this machine's devices. */
export function localHost(): StageHost {
  const runtime = createRuntime();
  const devices = new Map<StageDevice, Device>();
  let input: HostInput;
  let options: readonly DeviceOptions[];
  return {
    prepare(given) {
      input = given;
      const { setting, measureProducts } = given;
      options = withProducts(assignDevices(setting), setting, measureProducts);
    },
    async openStage(opening) {
      const { device, weights } = await openLocalStage(runtime, options[opening.stage.index]!, input, opening);
      const own = localStageDevice(device, (other) => devices.get(other)!);
      devices.set(own, device);
      return { device: own, weights };
    },
    ending: () => {},
    settle: () => Promise.resolve(),
    clocks: [],
    createEvents: runtime.createEvents,
    renewEvents: runtime.renewEvents,
    createNormCells: runtime.createNormCells,
    signal: runtime.signal,
    nowNs: runtime.nowNs,
    onComplete: runtime.onComplete,
    onError: runtime.onError,
    onFailure: () => {},
    idle: runtime.idle,
    abandon: runtime.abandon,
    [Symbol.dispose]: runtime[Symbol.dispose],
  };
}
