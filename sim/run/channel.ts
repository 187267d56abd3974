import { type ComputeDtype, formatAction, PLANNED_LETTERS } from "../../plan/index.ts";
import type { Carrier, Connection } from "../network/connection.ts";

/** A channel with a message on a connection, or what is to be done at the time when something else has left it. */
export type OnConnection = Channel | ((leftNs: number) => void);

/** What has a share of a shared line: a channel within a machine, or all that goes from one machine to another. */
export type OnLine = OnConnection | Connection<OnConnection>;

/** What carries one message at a time, and where the last one on it ends: arrivals are in the order of departure. */
export interface Lane {
  busy: boolean;
  lastEndNs: number;
}

/**
 * Messages of one kind from one stage to a neighbour, first in, first out. Message i goes through the states
 * produced, started, arrived, consumed in that order, so four counters hold the state of all. Of those that are made and
 * not used up there are no more than buffers on both sides; what is known of message i is at `i & mask`.
 */
export interface Channel extends Carrier<OnConnection> {
  readonly index: number;
  readonly kind: "activation" | "gradient";
  readonly from: number;
  readonly to: number;
  /** What its messages are stored as. */
  readonly dtype: ComputeDtype;
  /** Whether its sender goes on only once a message has arrived. */
  readonly isSenderHeld: boolean;
  /** Between machines: what else goes the same way goes before or after its messages. */
  readonly connection: Connection<OnConnection> | null;
  /** Within a machine those of its devices' streams, between machines one of its own. */
  readonly sendLane: Lane;
  readonly receiveLane: Lane;
  readonly outBuffers: number;
  readonly inBuffers: number;
  readonly mask: number;
  /** Codes of the letters of the actions at both ends. */
  readonly letters: Uint8Array;
  readonly microBatches: Int32Array;
  /** Numbers of their sizes in bytes. */
  readonly sizes: Int32Array;
  readonly producedNs: Float64Array;
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
  /** Of a sender that waits for arrivals: those that it has heard of. */
  heard: number;
  consumed: number;
}

export function createChannel(
  fixed: Pick<
    Channel,
    | "index"
    | "kind"
    | "from"
    | "to"
    | "dtype"
    | "isSenderHeld"
    | "connection"
    | "sendLane"
    | "receiveLane"
    | "outBuffers"
    | "inBuffers"
    | keyof Carrier<OnConnection>
  >,
): Channel {
  const room = 2 ** Math.ceil(Math.log2(Math.max(1, fixed.outBuffers + fixed.inBuffers)));
  return {
    ...fixed,
    mask: room - 1,
    letters: new Uint8Array(room),
    microBatches: new Int32Array(room),
    sizes: new Int32Array(room),
    producedNs: new Float64Array(room),
    arrivalsNs: new Float64Array(room),
    startedNs: 0,
    reserved: 0,
    produced: 0,
    started: 0,
    left: 0,
    arrived: 0,
    heard: 0,
    consumed: 0,
  };
}

export function messageKey(channel: Channel, number: number): string {
  return formatAction({
    stage: channel.from,
    letter: PLANNED_LETTERS[channel.letters[number & channel.mask]!]!,
    microBatch: messageMicroBatch(channel, number),
  });
}

/** The micro-batch of a message that is made and not used up. */
export function messageMicroBatch(channel: Channel, number: number): number {
  return channel.microBatches[number & channel.mask]!;
}

export function hasFreeOutBuffer(channel: Channel): boolean {
  return channel.reserved - channel.arrived < channel.outBuffers;
}

/** Whether its sender has not heard of the arrival of all that it has sent. */
export function holdsSender(channel: Channel | null): boolean {
  return channel?.isSenderHeld === true && channel.heard < channel.produced;
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
