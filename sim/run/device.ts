import { BACKWARD, FORWARD } from "../../plan/index.ts";
import type { Channel } from "./channel.ts";
import { Column, float64, int32, uint8, uint32 } from "./columns.ts";
import type { StageOrder } from "./stage-orders.ts";

/** What has ended on a compute stream, in order. */
export interface ComputeColumns {
  /** Codes of the letters. */
  readonly letters: Uint8Array;
  readonly microBatches: Int32Array;
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
}

/** Transfers that have ended on a send or receive stream; those of one channel are in order of their messages. */
export interface TransferColumns {
  /** Indices of the channels. */
  readonly channels: Uint32Array;
  readonly microBatches: Int32Array;
  readonly startNs: Float64Array;
  readonly endNs: Float64Array;
}

/** The compute stream, and what has ended on it since somebody took it. */
export class ComputeStream {
  busy = false;
  startedNs = 0;
  readonly #letters = new Column(uint8);
  readonly #microBatches = new Column(int32);
  readonly #startNs = new Column(float64);
  readonly #endNs = new Column(float64);

  reserve(more: number): void {
    for (const column of [this.#letters, this.#microBatches, this.#startNs, this.#endNs]) column.reserve(more);
  }

  ended(letter: number, microBatch: number, endNs: number): void {
    this.#letters.push(letter);
    this.#microBatches.push(microBatch);
    this.#startNs.push(this.startedNs);
    this.#endNs.push(endNs);
  }

  take(): ComputeColumns {
    return {
      letters: this.#letters.take(),
      microBatches: this.#microBatches.take(),
      startNs: this.#startNs.take(),
      endNs: this.#endNs.take(),
    };
  }
}

/** A send or receive stream: one message on the wire at a time, arrivals in the order of departure. */
export class TransferStream {
  busy = false;
  /** Where the last transfer on it ends. */
  lastEndNs = 0;
  readonly #channels = new Column(uint32);
  readonly #microBatches = new Column(int32);
  readonly #startNs = new Column(float64);
  readonly #endNs = new Column(float64);

  reserve(more: number): void {
    for (const column of [this.#channels, this.#microBatches, this.#startNs, this.#endNs]) column.reserve(more);
  }

  /** Writes down the channel's last transfer. Where latencies overlap, its event begins at the end of the one before. */
  ended(channel: Channel, microBatch: number, endNs: number): void {
    this.#channels.push(channel.index);
    this.#microBatches.push(microBatch);
    this.#startNs.push(Math.max(channel.startedNs, this.lastEndNs));
    this.#endNs.push(endNs);
    this.busy = false;
    this.lastEndNs = endNs;
  }

  take(): TransferColumns {
    return {
      channels: this.#channels.take(),
      microBatches: this.#microBatches.take(),
      startNs: this.#startNs.take(),
      endNs: this.#endNs.take(),
    };
  }
}

/** One stage on its device: an order of compute actions, two transfer streams and up to four channels. */
export interface DeviceState {
  readonly stage: number;
  /** The piece of its order that it is in, and those behind it. */
  order: StageOrder;
  readonly orders: StageOrder[];
  readonly compute: ComputeStream;
  readonly send: TransferStream;
  readonly receive: TransferStream;
  /** Null at the ends of its pipeline. */
  readonly activationIn: Channel | null;
  readonly activationOut: Channel | null;
  readonly gradientIn: Channel | null;
  readonly gradientOut: Channel | null;
  /** The next action to start, or the one running; an index into `order`. */
  position: number;
  /** Actions of the pieces before. */
  passed: number;
  /** The micro-batch whose backward on the first stage it was found to wait for; -1 for none. */
  waitsFor: number;
}

/** A piece with no actions, which every device begins with. */
const NOTHING: StageOrder = {
  keys: [],
  letters: new Uint8Array(0),
  microBatches: new Int32Array(0),
  signals: new Int32Array(0),
  signalLists: [],
  counts: [0, 0],
};

export function createDevice(
  fixed: Pick<DeviceState, "stage" | "activationIn" | "activationOut" | "gradientIn" | "gradientOut">,
): DeviceState {
  return {
    ...fixed,
    order: NOTHING,
    orders: [],
    compute: new ComputeStream(),
    send: new TransferStream(),
    receive: new TransferStream(),
    position: 0,
    passed: 0,
    waitsFor: -1,
  };
}

/** Whether it has an action to run; steps to the next piece of its order where it can. */
export function hasAction(device: DeviceState): boolean {
  while (device.position === device.order.letters.length) {
    const next = device.orders.shift();
    if (next === undefined) return false;
    device.passed += device.position;
    device.order = next;
    device.position = 0;
  }
  return true;
}

/** The channel that an action reads, and the one that it writes; `letter` is its code. */
export function inputOf(device: DeviceState, letter: number): Channel | null {
  return letter === FORWARD ? device.activationIn : letter === BACKWARD ? device.gradientIn : null;
}

export function outputOf(device: DeviceState, letter: number): Channel | null {
  return letter === FORWARD ? device.activationOut : letter === BACKWARD ? device.gradientOut : null;
}
