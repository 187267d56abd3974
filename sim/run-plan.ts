import { DueSlots, InvariantError, type Nanos } from "../core/index.ts";
import {
  type ActionDurations,
  actionDurations,
  BACKWARD,
  type Contention,
  type CostModel,
  FORWARD,
  formatAction,
  PLANNED_LETTERS,
  type PlanBody,
  pipelineTable,
} from "../plan/index.ts";
import { blockedError } from "./blocked.ts";
import { type Channel, hasArrived, hasFreeOutBuffer, messageMicroBatch } from "./channel.ts";
import { type DeviceState, inputOf, outputOf, type TransferStream } from "./device.ts";
import type { Wire } from "./link.ts";
import { createPlanState, type PlanState } from "./plan-state.ts";
import { SendOrder } from "./send-order.ts";
import { SharedMachine, sharedMachines } from "./shared-machine.ts";

/** A finished run, in columns: what a trace is made of. */
export interface Run extends PlanState {
  /** Events that were applied: ends of actions and of bytes on a wire, and arrivals. */
  readonly numEvents: number;
}

/** Writes down the channel's last transfer. Where latencies overlap, its event begins at the end of the one before. */
function record(stream: TransferStream, channel: Channel, endNs: number): void {
  const at = stream.length;
  stream.length = at + 1;
  stream.channels[at] = channel.index;
  stream.startNs[at] = Math.max(channel.startedNs, stream.lastEndNs);
  stream.endNs[at] = endNs;
  stream.busy = false;
  stream.lastEndNs = endNs;
}

/** Where a run takes its times from when they are not, or not only, a cost model's. */
export interface RunTimes {
  readonly links: Pick<CostModel, "linkCost">;
  readonly action: ActionDurations;
  /** From the departure of each message to its arrival, by its sender's action, in place of the link's latency. */
  readonly message?: ActionDurations;
  /** How devices of one machine slow each other; then `action` is with all of them at work. */
  readonly contention?: Contention;
  /** From the end of an action until its device can start the next. */
  readonly gapNs: number;
}

/** What a cost model says of devices beside the times of actions and messages. */
export function deviceTimes({ contention, gapSeconds = 0 }: CostModel): Pick<RunTimes, "contention" | "gapNs"> {
  return { ...(contention === undefined ? {} : { contention }), gapNs: Math.round(gapSeconds * 1e9) };
}

/**
 * Runs a plan in virtual time: each stage's actions strictly in plan order, messages over the links, within the planned
 * buffers. Decisions are made once all events of an instant have been applied, so that ties cannot change one.
 * @throws PlanError when no action can go on and some are left.
 */
export function runPlan(plan: PlanBody, costModel: CostModel): Run {
  return runWithTimes(plan, {
    links: costModel,
    action: actionDurations(plan, costModel),
    ...deviceTimes(costModel),
  });
}

/**
 * `runPlan` with times of each single action.
 * @throws PlanError when no action can go on and some are left.
 */
export function runWithTimes(plan: PlanBody, { links, action: duration, message, contention, gapNs }: RunTimes): Run {
  const state = createPlanState(plan, links);
  const { devices, channels, sharedWires, bytesOf } = state;
  const { isFirst, ofGroup } = pipelineTable(plan);
  const machines = contention === undefined ? null : sharedMachines(plan, contention);
  const signalled = new Uint8Array(plan.microBatches.length);
  // Slots: the end of each device's action, of each channel's bytes on a wire of their own, each channel's next
  // arrival, and the end of each device's gap.
  const firstWire = devices.length;
  const firstArrival = firstWire + channels.length;
  const firstGap = firstArrival + channels.length;
  const due = new DueSlots(firstGap + devices.length);
  const dueDevices = [...devices];
  let numDueDevices = devices.length;
  const isDueDevice = new Uint8Array(devices.length).fill(1);
  const dueChannels = new SendOrder(devices, channels.length);
  // The next end on a shared wire or machine moves whenever something starts on it, so it is no slot.
  const shared: readonly (Wire<Channel> | SharedMachine)[] = [...sharedWires, ...(machines?.all ?? [])];
  const sharedEndsNs = new Float64Array(shared.length).fill(Number.POSITIVE_INFINITY);
  const isChanged = new Uint8Array(shared.length);
  let waiting = 0;
  let nowNs = 0;
  let numEvents = 0;

  const scheduleAt = (slot: number, timeNs: number): void => {
    if (!(timeNs >= nowNs && timeNs <= Number.MAX_SAFE_INTEGER)) {
      throw new InvariantError({ expected: `a whole number of nanoseconds from ${nowNs} on`, got: timeNs });
    }
    due.add(slot, timeNs);
  };

  const addDueDevice = (device: DeviceState): void => {
    if (isDueDevice[device.stage] === 1) return;
    isDueDevice[device.stage] = 1;
    dueDevices[numDueDevices] = device;
    numDueDevices += 1;
  };

  const startCompute = (device: DeviceState): void => {
    const { order, position, compute, stage } = device;
    if (compute.busy || position >= order.letters.length) return;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    const input = inputOf(device, letter);
    if (input !== null && !hasArrived(input, microBatch)) return;
    const output = outputOf(device, letter);
    if (output !== null && !hasFreeOutBuffer(output)) return;
    const signal = order.signals[position]!;
    if (signal >= 0 && signalled[signal] === 0) {
      if (device.waitsFor < 0) waiting += 1;
      device.waitsFor = signal;
      return;
    }
    if (output !== null) output.reserved += 1;
    compute.busy = true;
    compute.startNs[position] = nowNs;
    const durationNs = duration(stage, letter, microBatch);
    if (machines === null) {
      compute.endNs[position] = nowNs + durationNs;
      scheduleAt(stage, nowNs + durationNs);
    } else {
      const machine = machines.ofStage[stage]!;
      machine.start(stage, PLANNED_LETTERS[letter]!, durationNs, nowNs);
      isChanged[shared.indexOf(machine)] = 1;
    }
  };

  const signalEnd = (microBatch: number): void => {
    signalled[microBatch] = 1;
    if (waiting === 0) return;
    for (const device of devices) {
      if (device.waitsFor !== microBatch) continue;
      device.waitsFor = -1;
      waiting -= 1;
      addDueDevice(device);
    }
  };

  const endGap = (device: DeviceState): void => {
    device.compute.busy = false;
    addDueDevice(device);
  };

  const endCompute = (device: DeviceState): void => {
    const { order, position, stage } = device;
    const letter = order.letters[position]!;
    const input = inputOf(device, letter);
    if (input !== null) {
      input.consumed += 1;
      dueChannels.add(input);
    }
    const output = outputOf(device, letter);
    if (output !== null) {
      output.produced += 1;
      dueChannels.add(output);
    }
    device.position = position + 1;
    if (gapNs === 0) endGap(device);
    else scheduleAt(firstGap + stage, nowNs + gapNs);
    if (letter === BACKWARD && isFirst(stage)) signalEnd(order.microBatches[position]!);
  };

  /**
   * The last byte is on its way: both streams are free for the next message, and this one arrives a latency later,
   * behind the ones before it.
   */
  const leaveWire = (channel: Channel): void => {
    const sender = devices[channel.from]!;
    const receiver = devices[channel.to]!;
    const latencyNs =
      message === undefined
        ? channel.latencyNs
        : message(
            channel.from,
            channel.kind === "activation" ? FORWARD : BACKWARD,
            messageMicroBatch(channel, channel.left),
          );
    const endNs = Math.max(nowNs + latencyNs, sender.send.lastEndNs, receiver.receive.lastEndNs);
    record(sender.send, channel, endNs);
    record(receiver.receive, channel, endNs);
    channel.arrivalsNs[channel.left % channel.arrivalsNs.length] = endNs;
    if (channel.left === channel.arrived) scheduleAt(firstArrival + channel.index, endNs);
    channel.left += 1;
    dueChannels.add(sender.activationOut);
    dueChannels.add(sender.gradientOut);
    dueChannels.add(receiver.activationIn);
    dueChannels.add(receiver.gradientIn);
  };

  const arrive = (channel: Channel): void => {
    channel.arrived += 1;
    if (channel.left > channel.arrived)
      scheduleAt(firstArrival + channel.index, channel.arrivalsNs[channel.arrived % channel.arrivalsNs.length]!);
    addDueDevice(devices[channel.from]!);
    addDueDevice(devices[channel.to]!);
  };

  const startTransfer = (channel: Channel): void => {
    const microBatch = messageMicroBatch(channel, channel.started);
    channel.started += 1;
    channel.startedNs = nowNs;
    const { ownWireNs, sharedWire } = channel;
    if (ownWireNs === null && sharedWire === null) {
      leaveWire(channel);
      return;
    }
    devices[channel.from]!.send.busy = true;
    devices[channel.to]!.receive.busy = true;
    if (ownWireNs !== null) scheduleAt(firstWire + channel.index, nowNs + ownWireNs(microBatch));
    else {
      sharedWire!.start(channel, bytesOf[microBatch]!, nowNs as Nanos);
      isChanged[shared.indexOf(sharedWire!)] = 1;
    }
  };

  const apply = (slot: number): void => {
    if (slot < firstWire) endCompute(devices[slot]!);
    else if (slot < firstArrival) leaveWire(channels[slot - firstWire]!);
    else if (slot < firstGap) arrive(channels[slot - firstArrival]!);
    else endGap(devices[slot - firstGap]!);
    numEvents += 1;
  };

  const applyShared = (): void => {
    for (let index = 0; index < shared.length; index += 1) {
      if (sharedEndsNs[index] !== nowNs) continue;
      const one = shared[index]!;
      if (one instanceof SharedMachine) {
        for (const stage of one.takeEnded(nowNs)) {
          const { compute, position } = devices[stage]!;
          compute.endNs[position] = nowNs;
          endCompute(devices[stage]!);
        }
      } else {
        for (const channel of one.takeEnded(nowNs as Nanos)) leaveWire(channel);
      }
      isChanged[index] = 1;
      numEvents += 1;
    }
  };

  const settle = (): void => {
    for (let at = 0; at < numDueDevices; at += 1) {
      const device = dueDevices[at]!;
      isDueDevice[device.stage] = 0;
      startCompute(device);
    }
    numDueDevices = 0;
    for (let channel = dueChannels.take(); channel !== null; channel = dueChannels.take()) startTransfer(channel);
    for (let index = 0; index < shared.length; index += 1) {
      if (isChanged[index] === 0) continue;
      isChanged[index] = 0;
      sharedEndsNs[index] = shared[index]!.nextEndNs() ?? Number.POSITIVE_INFINITY;
    }
  };

  const nextNs = (): number => {
    let next = due.nextNs();
    for (let index = 0; index < shared.length; index += 1) next = Math.min(next, sharedEndsNs[index]!);
    return next;
  };

  settle();
  for (let next = nextNs(); next !== Number.POSITIVE_INFINITY; next = nextNs()) {
    nowNs = next;
    applyShared();
    while (due.nextNs() === nowNs) apply(due.take()!);
    settle();
  }
  if (devices.some(({ position, order }) => position < order.letters.length)) {
    throw blockedError(plan, devices, ({ order, position }) => {
      const microBatch = order.signals[position]!;
      return microBatch < 0 || signalled[microBatch] === 1
        ? undefined
        : formatAction({ stage: ofGroup(plan.microBatches[microBatch]!.group).firstStage, letter: "B", microBatch });
    });
  }
  return { ...state, numEvents };
}
