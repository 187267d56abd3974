import type { Nanos } from "../core/index.ts";
import type { CostModel, PlanBody } from "../plan/index.ts";
import { type ActionDurations, actionDurations } from "./action-durations.ts";
import { blockedError } from "./blocked.ts";
import { type Channel, canSend, hasArrived, hasFreeOutBuffer, messageMicroBatch } from "./channel.ts";
import { type DeviceState, inputOf, outputOf, type TransferStream } from "./device.ts";
import { Engine } from "./engine.ts";
import type { Wire } from "./link.ts";
import { messageBytes } from "./message-bytes.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { actionIndex, keyOfIndex } from "./stage-orders.ts";

/** A finished run, in columns: what a trace is made of. */
export interface Run extends Pipeline {
  /** Events that the engine applied. */
  readonly numEvents: number;
}

type Occurrence =
  | { readonly type: "computed"; readonly device: DeviceState }
  | { readonly type: "wire"; readonly wire: Wire<Channel>; readonly version: number }
  | { readonly type: "arrived"; readonly channel: Channel };

const PRIORITIES: Readonly<Record<Occurrence["type"], number>> = { wire: 0, arrived: 1, computed: 2 };

/** Of two messages that may leave, the one made first; gradients before activations, then by sender. */
function goesFirst(a: Channel, b: Channel): boolean {
  const aNs = a.producedNs[a.started]!;
  const bNs = b.producedNs[b.started]!;
  if (aNs !== bNs) return aNs < bNs;
  if (a.kind !== b.kind) return a.kind === "gradient";
  return a.from < b.from;
}

/** Writes down the channel's last transfer. Where latencies overlap, its event begins at the end of the one before. */
function record(stream: TransferStream, channel: Channel, endNs: Nanos): void {
  stream.channels.push(channel.index);
  stream.numbers.push(channel.started - 1);
  stream.startNs.push(Math.max(channel.startedNs, stream.lastEndNs));
  stream.endNs.push(endNs);
  stream.busy = false;
  stream.lastEndNs = endNs;
}

/** Where a run takes its times from when they are not, or not only, a cost model's. */
export interface RunTimes {
  readonly links: Pick<CostModel, "linkCost">;
  readonly action: ActionDurations;
  /** From the departure of each message to its arrival, by its sender's action, in place of the link's latency. */
  readonly message?: ActionDurations;
}

/**
 * Runs a plan in virtual time: each stage's actions strictly in plan order, messages over the links, within the planned buffers.
 * @throws PlanError when no action can go on and some are left.
 */
export function runPlan(plan: PlanBody, costModel: CostModel): Run {
  return runWithTimes(plan, { links: costModel, action: actionDurations(plan, costModel) });
}

/**
 * `runPlan` with times of each single action.
 * @throws PlanError when no action can go on and some are left.
 */
export function runWithTimes(plan: PlanBody, { links, action: duration, message }: RunTimes): Run {
  const { devices, channels } = createPipeline(plan, links);
  const engine = new Engine<Occurrence>();
  const bytesOf = messageBytes(plan);
  const numMicroBatches = plan.microBatches.length;
  const ended = new Uint8Array(devices.length * 3 * numMicroBatches);
  const signalWaiters = new Map<number, DeviceState[]>();
  const dueDevices = new Set<DeviceState>(devices);
  const dueChannels = new Set<Channel>();
  const changedWires = new Set<Wire<Channel>>();
  const computed = devices.map((device): Occurrence => ({ type: "computed", device }));
  const arrived = channels.map((channel): Occurrence => ({ type: "arrived", channel }));

  const signalsHaveEnded = (device: DeviceState): boolean => {
    for (const signal of device.order.signals[device.position]!) {
      if (ended[signal] === 1) continue;
      const waiters = signalWaiters.get(signal);
      if (waiters === undefined) signalWaiters.set(signal, [device]);
      else waiters.push(device);
      return false;
    }
    return true;
  };

  const startCompute = (device: DeviceState): void => {
    const { order, position, compute, stage } = device;
    if (compute.busy || position >= order.keys.length) return;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    const input = inputOf(device, letter);
    if (input !== null && !hasArrived(input, microBatch)) return;
    const output = outputOf(device, letter);
    if (output !== null && !hasFreeOutBuffer(output)) return;
    if (!signalsHaveEnded(device)) return;
    if (output !== null) output.reserved += 1;
    const startNs = engine.nowNs;
    const endNs = (startNs + duration(stage, letter, microBatch)) as Nanos;
    if (letter === "F") device.memory.change(1, startNs);
    compute.busy = true;
    compute.startNs[position] = startNs;
    compute.endNs[position] = endNs;
    engine.schedule(endNs, PRIORITIES.computed, computed[stage]!);
  };

  const endCompute = (device: DeviceState): void => {
    const { order, position, stage } = device;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    const input = inputOf(device, letter);
    if (input !== null) {
      input.consumed += 1;
      dueChannels.add(input);
    }
    const output = outputOf(device, letter);
    if (output !== null) {
      output.positions.push(position);
      output.producedNs.push(engine.nowNs);
      dueChannels.add(output);
    }
    if (letter === "B") device.memory.change(-1, engine.nowNs);
    device.compute.busy = false;
    device.position += 1;
    dueDevices.add(device);
    const index = actionIndex(stage, letter, microBatch, numMicroBatches);
    ended[index] = 1;
    for (const waiter of signalWaiters.get(index) ?? []) dueDevices.add(waiter);
    signalWaiters.delete(index);
  };

  const addDueChannel = (channel: Channel | null): void => {
    if (channel !== null) dueChannels.add(channel);
  };

  /** The last byte is on its way: both streams are free for the next message, and this one arrives a latency later, behind the ones before it. */
  const leaveWire = (channel: Channel): void => {
    const sender = devices[channel.from]!;
    const receiver = devices[channel.to]!;
    const latencyNs =
      message === undefined
        ? channel.latencyNs
        : message(channel.from, channel.letter, messageMicroBatch(channel, channel.started - 1));
    const endNs = Math.max(engine.nowNs + latencyNs, sender.send.lastEndNs, receiver.receive.lastEndNs) as Nanos;
    record(sender.send, channel, endNs);
    record(receiver.receive, channel, endNs);
    engine.schedule(endNs, PRIORITIES.arrived, arrived[channel.index]!);
    addDueChannel(sender.activationOut);
    addDueChannel(sender.gradientOut);
    addDueChannel(receiver.activationIn);
    addDueChannel(receiver.gradientIn);
  };

  const startTransfer = (channel: Channel): void => {
    const number = channel.started;
    channel.started += 1;
    channel.startedNs = engine.nowNs;
    if (channel.wire === null) {
      leaveWire(channel);
      return;
    }
    devices[channel.from]!.send.busy = true;
    devices[channel.to]!.receive.busy = true;
    channel.wire.start(channel, bytesOf[messageMicroBatch(channel, number)]!, engine.nowNs);
    changedWires.add(channel.wire);
  };

  const nextTransfer = (): Channel | null => {
    let next: Channel | null = null;
    for (const channel of dueChannels) {
      const isReady = canSend(channel) && !devices[channel.from]!.send.busy && !devices[channel.to]!.receive.busy;
      if (!isReady) dueChannels.delete(channel);
      else if (next === null || goesFirst(channel, next)) next = channel;
    }
    return next;
  };

  const apply = (occurrence: Occurrence): void => {
    switch (occurrence.type) {
      case "computed":
        endCompute(occurrence.device);
        break;
      case "arrived":
        occurrence.channel.arrived += 1;
        dueDevices.add(devices[occurrence.channel.from]!).add(devices[occurrence.channel.to]!);
        break;
      case "wire":
        if (occurrence.version !== occurrence.wire.version) break;
        for (const channel of occurrence.wire.takeEnded(engine.nowNs)) leaveWire(channel);
        changedWires.add(occurrence.wire);
    }
  };

  const settle = (): void => {
    for (const device of dueDevices) startCompute(device);
    dueDevices.clear();
    for (let channel = nextTransfer(); channel !== null; channel = nextTransfer()) startTransfer(channel);
    for (const wire of changedWires) {
      const endNs = wire.nextEndNs();
      if (endNs !== null) engine.schedule(endNs, PRIORITIES.wire, { type: "wire", wire, version: wire.version });
    }
    changedWires.clear();
  };

  const numEvents = engine.run(apply, settle);
  if (devices.some((device) => device.position < device.order.keys.length)) {
    throw blockedError(plan, devices, ({ order, position }) =>
      order.signals[position]!.filter((signal) => ended[signal] !== 1).map((signal) =>
        keyOfIndex(signal, numMicroBatches),
      ),
    );
  }
  return { devices, channels, numEvents };
}
