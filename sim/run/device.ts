import { BACKWARD, FORWARD } from "../../plan/index.ts";
import type { Channel } from "./channel.ts";
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
  lastEndNs: number;
  /**
   * Transfers so far; each has an entry in the columns, which have room for all. Those of one channel are in order of
   * their messages.
   */
  length: number;
  /** Index of the channel. */
  readonly channels: Uint32Array;
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
}

/** One stage on its device: an order of compute actions, two transfer streams and up to four channels. */
export interface DeviceState {
  readonly stage: number;
  readonly order: StageOrder;
  readonly compute: ComputeStream;
  readonly send: TransferStream;
  readonly receive: TransferStream;
  /** Null at the ends of its pipeline. */
  readonly activationIn: Channel | null;
  readonly activationOut: Channel | null;
  readonly gradientIn: Channel | null;
  readonly gradientOut: Channel | null;
  /** The next action to start, or the one running; an index into the order. */
  position: number;
  /** The micro-batch whose backward on the first stage it was found to wait for; -1 for none. */
  waitsFor: number;
}

export function createComputeStream(numActions: number): ComputeStream {
  return { busy: false, startNs: new Float64Array(numActions), endNs: new Float64Array(numActions) };
}

function createTransferStream(...channels: readonly (Channel | null)[]): TransferStream {
  const room = channels.reduce((sum, channel) => sum + (channel?.positions.length ?? 0), 0);
  return {
    busy: false,
    lastEndNs: 0,
    length: 0,
    channels: new Uint32Array(room),
    startNs: new Float64Array(room),
    endNs: new Float64Array(room),
  };
}

export function createDevice(
  fixed: Pick<
    DeviceState,
    "stage" | "order" | "compute" | "activationIn" | "activationOut" | "gradientIn" | "gradientOut"
  >,
): DeviceState {
  return {
    ...fixed,
    send: createTransferStream(fixed.activationOut, fixed.gradientOut),
    receive: createTransferStream(fixed.activationIn, fixed.gradientIn),
    position: 0,
    waitsFor: -1,
  };
}

/** The channel that an action reads, and the one that it writes; `letter` is its code. */
export function inputOf(device: DeviceState, letter: number): Channel | null {
  return letter === FORWARD ? device.activationIn : letter === BACKWARD ? device.gradientIn : null;
}

export function outputOf(device: DeviceState, letter: number): Channel | null {
  return letter === FORWARD ? device.activationOut : letter === BACKWARD ? device.gradientOut : null;
}
