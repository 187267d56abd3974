import { BACKWARD, FORWARD, passCode } from "../../plan/index.ts";
import type { Channel, Lane } from "./channel.ts";
import { first, longer } from "./columns.ts";
import { type MicroBatchFacts, NO_FACTS } from "./live-facts.ts";
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

/**
 * The compute stream, and what has ended on it since somebody took it. The run writes times into the columns, which have
 * room for all that is expected: where one action ends tens of millions do.
 */
export class ComputeStream {
  busy = false;
  /** Actions that have ended, by now; the one that runs has its start behind them. */
  length = 0;
  startNs = new Float64Array(0);
  endNs = new Float64Array(0);
  /** Actions that have ended or will. */
  #numExpected = 0;
  /** The pieces of the order that these are of, and how much of the first was taken before. */
  #orders: StageOrder[] = [];
  #taken = 0;

  expect(order: StageOrder): void {
    this.#orders.push(order);
    this.#numExpected += order.letters.length;
    if (this.#numExpected <= this.startNs.length) return;
    this.startNs = longer(this.startNs, this.#numExpected);
    this.endNs = longer(this.endNs, this.#numExpected);
  }

  take(): ComputeColumns {
    const { length, startNs, endNs } = this;
    const taken = { ...this.#takeOrder(length), startNs: first(startNs, length), endNs: first(endNs, length) };
    const ahead = this.#numExpected - length;
    this.#numExpected = ahead;
    this.length = 0;
    this.startNs = new Float64Array(ahead);
    this.endNs = new Float64Array(ahead);
    if (ahead > 0) this.startNs[0] = startNs[length]!;
    return taken;
  }

  /** The next actions of the order. */
  #takeOrder(length: number): Pick<ComputeColumns, "letters" | "microBatches"> {
    const [only] = this.#orders;
    if (only === undefined || (this.#taken === 0 && only.letters.length === length)) {
      this.#orders.shift();
      return only ?? { letters: new Uint8Array(0), microBatches: new Int32Array(0) };
    }
    const letters = new Uint8Array(length);
    const microBatches = new Int32Array(length);
    for (let at = 0; at < length; ) {
      const order = this.#orders[0]!;
      const end = Math.min(order.letters.length, this.#taken + length - at);
      letters.set(order.letters.subarray(this.#taken, end), at);
      microBatches.set(order.microBatches.subarray(this.#taken, end), at);
      at += end - this.#taken;
      this.#taken = end;
      if (end < order.letters.length) break;
      this.#orders.shift();
      this.#taken = 0;
    }
    return { letters, microBatches };
  }
}

/** What has been sent, or received, since somebody took it. */
export class TransferStream {
  /** Transfers that have ended, by now. */
  length = 0;
  channels = new Uint32Array(0);
  microBatches = new Int32Array(0);
  startNs = new Float64Array(0);
  endNs = new Float64Array(0);
  /** Transfers that have ended or will. */
  #numExpected = 0;

  expect(more: number): void {
    this.#numExpected += more;
    const length = this.#numExpected;
    if (length <= this.channels.length) return;
    this.channels = longer(this.channels, length);
    this.microBatches = longer(this.microBatches, length);
    this.startNs = longer(this.startNs, length);
    this.endNs = longer(this.endNs, length);
  }

  /**
   * Writes down a channel's last transfer. Where latencies overlap, its event begins at the end of
   * the one before it.
   */
  record({ index, startedNs }: Channel, lane: Lane, microBatch: number, endNs: number): void {
    const at = this.length;
    this.length = at + 1;
    this.channels[at] = index;
    this.microBatches[at] = microBatch;
    this.startNs[at] = Math.max(startedNs, lane.lastEndNs);
    this.endNs[at] = endNs;
  }

  take(): TransferColumns {
    const { length, channels, microBatches, startNs, endNs } = this;
    const taken = {
      channels: first(channels, length),
      microBatches: first(microBatches, length),
      startNs: first(startNs, length),
      endNs: first(endNs, length),
    };
    const ahead = this.#numExpected - length;
    this.#numExpected = ahead;
    this.length = 0;
    this.channels = new Uint32Array(ahead);
    this.microBatches = new Int32Array(ahead);
    this.startNs = new Float64Array(ahead);
    this.endNs = new Float64Array(ahead);
    return taken;
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
  /** What is known of the micro-batch of the action that runs. */
  facts: MicroBatchFacts;
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
    facts: NO_FACTS,
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
  return passCode(letter) === FORWARD ? device.activationIn : letter === BACKWARD ? device.gradientIn : null;
}

export function outputOf(device: DeviceState, letter: number): Channel | null {
  return passCode(letter) === FORWARD ? device.activationOut : letter === BACKWARD ? device.gradientOut : null;
}
