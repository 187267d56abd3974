import { type ActionKey, BACKWARD, FORWARD, PLANNED_LETTERS, type PlannedLetter } from "../../plan/index.ts";
import type { Wire } from "../network/link.ts";
import type { StageOrder } from "./stage-orders.ts";

/**
 * Messages of one kind from one stage to a neighbour, first in, first out. Message i goes through the states
 * produced, started, arrived, consumed in that order, so four counters hold the state of all.
 */
export interface Channel {
  readonly index: number;
  readonly kind: "activation" | "gradient";
  /** The letter of the actions at both ends. */
  readonly letter: PlannedLetter;
  readonly from: number;
  readonly to: number;
  readonly latencyNs: number;
  /**
   * How long the bytes of a micro-batch are on a wire of the channel's own; null on a shared wire, and where bytes take
   * no time.
   */
  readonly ownWireNs: ((microBatch: number) => number) | null;
  /** The wire that other channels use as well. */
  readonly sharedWire: Wire<Channel> | null;
  readonly outBuffers: number;
  readonly inBuffers: number;
  /** The sender's order; `positions` are where in it the messages come from, by message number. */
  readonly order: StageOrder;
  readonly positions: Int32Array;
  /** When the sender's actions end, by position in its order. */
  readonly endsNs: Float64Array;
  /**
   * When the messages on their way arrive: message i at i modulo the length. There are no more of them than outgoing
   * buffers.
   */
  readonly arrivalsNs: Float64Array;
  /** When the message on the wire left; the streams at both ends carry one at a time. */
  startedNs: number;
  /**
   * Forwards or backwards of the sender that have started: each holds an outgoing buffer until its message has arrived.
   */
  reserved: number;
  produced: number;
  started: number;
  /** Messages that have left the wire. */
  left: number;
  arrived: number;
  consumed: number;
}

function positionsOf({ letters, counts }: StageOrder, letter: typeof FORWARD | typeof BACKWARD): Int32Array {
  const positions = new Int32Array(counts[letter]);
  let next = 0;
  for (let position = 0; position < letters.length; position += 1)
    if (letters[position] === letter) positions[next++] = position;
  return positions;
}

export function createChannel(
  fixed: Pick<
    Channel,
    | "index"
    | "kind"
    | "from"
    | "to"
    | "latencyNs"
    | "ownWireNs"
    | "sharedWire"
    | "outBuffers"
    | "inBuffers"
    | "order"
    | "endsNs"
  >,
): Channel {
  const letter = fixed.kind === "activation" ? FORWARD : BACKWARD;
  return {
    ...fixed,
    letter: PLANNED_LETTERS[letter],
    positions: positionsOf(fixed.order, letter),
    arrivalsNs: new Float64Array(Math.max(1, fixed.outBuffers)),
    startedNs: 0,
    reserved: 0,
    produced: 0,
    started: 0,
    left: 0,
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
  return channel.started < channel.produced && hasFreeInBuffer(channel);
}

/** Whether the message of this micro-batch is the next one to read, and is there. */
export function hasArrived(channel: Channel, microBatch: number): boolean {
  return channel.consumed < channel.arrived && messageMicroBatch(channel, channel.consumed) === microBatch;
}
