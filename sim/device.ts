import type { Nanos } from "../core/index.ts";
import type { Channel } from "./channel.ts";
import type { MemoryMeter } from "./memory-meter.ts";
import type { StageOrder } from "./stage-orders.ts";

/** The compute stream. Times are by position in the order. */
export interface ComputeStream {
  busy: boolean;
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
}

/** A send or receive stream: one message on the wire at a time, arrivals in the order of departure. */
export interface TransferStream {
  busy: boolean;
  /** Where the last transfer on it ends. */
  lastEndNs: Nanos;
  /** One entry a transfer, kept as columns of numbers since there are millions. */
  readonly channels: number[];
  readonly numbers: number[];
  readonly startNs: number[];
  readonly endNs: number[];
}

/** One stage on its device: an order of compute actions, two transfer streams and up to four channels. */
export interface DeviceState {
  readonly stage: number;
  readonly order: StageOrder;
  readonly compute: ComputeStream;
  readonly send: TransferStream;
  readonly receive: TransferStream;
  readonly memory: MemoryMeter;
  /** Null at the ends of the pipeline. */
  readonly activationIn: Channel | null;
  readonly activationOut: Channel | null;
  readonly gradientIn: Channel | null;
  readonly gradientOut: Channel | null;
  /** The next action to start, or the one running; an index into the order. */
  position: number;
}

function createTransferStream(): TransferStream {
  return { busy: false, lastEndNs: 0 as Nanos, channels: [], numbers: [], startNs: [], endNs: [] };
}

export function createDevice(
  fixed: Pick<
    DeviceState,
    "stage" | "order" | "memory" | "activationIn" | "activationOut" | "gradientIn" | "gradientOut"
  >,
): DeviceState {
  const numActions = fixed.order.keys.length;
  return {
    ...fixed,
    compute: { busy: false, startNs: new Float64Array(numActions), endNs: new Float64Array(numActions) },
    send: createTransferStream(),
    receive: createTransferStream(),
    position: 0,
  };
}

/** The channel that an action reads, and the one that it writes. */
export function inputOf(device: DeviceState, letter: string): Channel | null {
  return letter === "F" ? device.activationIn : letter === "B" ? device.gradientIn : null;
}

export function outputOf(device: DeviceState, letter: string): Channel | null {
  return letter === "F" ? device.activationOut : letter === "B" ? device.gradientOut : null;
}
