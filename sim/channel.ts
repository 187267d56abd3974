import type { Nanos } from "../core/index.ts";
import type { ActionKey, ActionLetter } from "../plan/index.ts";
import type { Wire } from "./link.ts";
import type { StageOrder } from "./stage-orders.ts";

/**
 * Messages of one kind from one stage to a neighbour, first in, first out. Message i goes through the states
 * produced, started, arrived, consumed in that order, so four counters hold the state of all.
 */
export interface Channel {
  readonly index: number;
  readonly kind: "activation" | "gradient";
  /** The letter of the actions at both ends. */
  readonly letter: ActionLetter;
  readonly from: number;
  readonly to: number;
  readonly latencyNs: number;
  /** Null where bytes take no time. */
  readonly wire: Wire<Channel> | null;
  readonly outBuffers: number;
  readonly inBuffers: number;
  /** The sender's order; `positions` are where in it the messages come from, by message number. */
  readonly order: StageOrder;
  readonly positions: number[];
  readonly producedNs: Nanos[];
  /** When the message on the wire left; the streams at both ends carry one at a time. */
  startedNs: Nanos;
  /** Forwards or backwards of the sender that have started: each holds an outgoing buffer until its message has arrived. */
  reserved: number;
  started: number;
  arrived: number;
  consumed: number;
}

export function createChannel(
  fixed: Pick<Channel, "index" | "kind" | "from" | "to" | "latencyNs" | "wire" | "outBuffers" | "inBuffers" | "order">,
): Channel {
  return {
    ...fixed,
    letter: fixed.kind === "activation" ? "F" : "B",
    positions: [],
    producedNs: [],
    startedNs: 0 as Nanos,
    reserved: 0,
    started: 0,
    arrived: 0,
    consumed: 0,
  };
}

export function messageKey(channel: Channel, number: number): ActionKey {
  return channel.order.keys[channel.positions[number]!]!;
}

export function messageMicroBatch(channel: Channel, number: number): number {
  return channel.order.microBatches[channel.positions[number]!]!;
}

export function hasFreeOutBuffer(channel: Channel): boolean {
  return channel.reserved - channel.arrived < channel.outBuffers;
}

/** An incoming buffer is held from the start of the transfer to the end of the action that reads it. */
export function hasFreeInBuffer(channel: Channel): boolean {
  return channel.started - channel.consumed < channel.inBuffers;
}

/** Whether the next message is made and has a buffer to go to. */
export function canSend(channel: Channel): boolean {
  return channel.started < channel.positions.length && hasFreeInBuffer(channel);
}

/** Whether the message of this micro-batch is the next one to read, and is there. */
export function hasArrived(channel: Channel, microBatch: number): boolean {
  return channel.consumed < channel.arrived && messageMicroBatch(channel, channel.consumed) === microBatch;
}
