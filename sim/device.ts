import type { Nanos } from "../core/index.ts";
import type { TraceEvent } from "../traces/index.ts";
import type { Channel } from "./channel.ts";
import type { MemoryMeter } from "./memory-meter.ts";
import type { StageOrder } from "./stage-orders.ts";

/** A serial stream: it handles one thing at a time and completes them in order. */
export interface StreamState {
  busy: boolean;
  /** Where the last event on it ends. */
  endNs: Nanos;
  readonly events: TraceEvent[];
}

/** One stage on its device: an order of compute actions, two transfer streams and up to four channels. */
export interface DeviceState {
  readonly stage: number;
  readonly order: StageOrder;
  readonly compute: StreamState;
  readonly send: StreamState;
  readonly receive: StreamState;
  readonly memory: MemoryMeter;
  /** Null at the ends of the pipeline. */
  readonly activationIn: Channel | null;
  readonly activationOut: Channel | null;
  readonly gradientIn: Channel | null;
  readonly gradientOut: Channel | null;
  /** The next action to start, or the one running; an index into the order. */
  position: number;
}

function createStream(): StreamState {
  return { busy: false, endNs: 0 as Nanos, events: [] };
}

export function createDevice(
  fixed: Pick<
    DeviceState,
    "stage" | "order" | "memory" | "activationIn" | "activationOut" | "gradientIn" | "gradientOut"
  >,
): DeviceState {
  return { ...fixed, compute: createStream(), send: createStream(), receive: createStream(), position: 0 };
}

/** The channel that an action reads, and the one that it writes. */
export function inputOf(device: DeviceState, letter: string): Channel | null {
  return letter === "F" ? device.activationIn : letter === "B" ? device.gradientIn : null;
}

export function outputOf(device: DeviceState, letter: string): Channel | null {
  return letter === "F" ? device.activationOut : letter === "B" ? device.gradientOut : null;
}
