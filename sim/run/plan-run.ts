import { DueSlots, InvariantError, type Nanos } from "../../core/index.ts";
import {
  type ActionDurations,
  BACKWARD,
  type Contention,
  type CostModel,
  FORWARD,
  formatAction,
  type PipelineTable,
  PLANNED_LETTERS,
  type PlanBody,
  pipelineTable,
} from "../../plan/index.ts";
import type { Wire } from "../network/link.ts";
import { blockedError } from "./blocked.ts";
import { type Channel, hasArrived, hasFreeOutBuffer, messageMicroBatch } from "./channel.ts";
import { type DeviceState, inputOf, outputOf, type TransferStream } from "./device.ts";
import { createPlanState, type PlanState } from "./plan-state.ts";
import { SendOrder } from "./send-order.ts";
import { SharedMachine, sharedMachines } from "./shared-machine.ts";

/** A finished run, in columns: what a trace is made of. */
export interface Run extends PlanState {
  /** Events that were applied: ends of actions and of bytes on a wire, and arrivals. */
  readonly numEvents: number;
}

/** Times of a run that are not, or not only, those of a cost model. */
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

/**
 * A plan that runs in virtual time: each stage's actions strictly in plan order, messages over the links, within the
 * planned buffers. Decisions are made once all events of an instant have been applied, so that ties cannot change one.
 */
export class PlanRun {
  readonly #plan: PlanBody;
  readonly #times: RunTimes;
  readonly #state: PlanState;
  readonly #pipelines: PipelineTable;
  readonly #machines: ReturnType<typeof sharedMachines> | null;
  /** By micro-batch: whether its backward on its pipeline's first stage has ended. */
  readonly #signalled: Uint8Array;
  /**
   * Slots: the end of each device's action, of each channel's bytes on a wire of their own, each channel's next arrival,
   * and the end of each device's gap.
   */
  readonly #due: DueSlots;
  readonly #firstWire: number;
  readonly #firstArrival: number;
  readonly #firstGap: number;
  /** Devices that may be able to start something. */
  readonly #dueDevices: DeviceState[];
  #numDueDevices: number;
  readonly #isDueDevice: Uint8Array;
  readonly #dueChannels: SendOrder;
  /** The next end on a shared wire or machine moves whenever something starts on it, so it is no slot. */
  readonly #shared: readonly (Wire<Channel> | SharedMachine)[];
  readonly #sharedEndsNs: Float64Array;
  readonly #isChanged: Uint8Array;
  /** Devices that wait for a signal. */
  #waiting = 0;
  #nowNs = 0;
  #numEvents = 0;

  constructor(plan: PlanBody, times: RunTimes) {
    const state = createPlanState(plan, times.links);
    const { devices, channels, sharedWires } = state;
    this.#plan = plan;
    this.#times = times;
    this.#state = state;
    this.#pipelines = pipelineTable(plan);
    this.#machines = times.contention === undefined ? null : sharedMachines(plan, times.contention);
    this.#signalled = new Uint8Array(plan.microBatches.length);
    this.#firstWire = devices.length;
    this.#firstArrival = this.#firstWire + channels.length;
    this.#firstGap = this.#firstArrival + channels.length;
    this.#due = new DueSlots(this.#firstGap + devices.length);
    this.#dueDevices = [...devices];
    this.#numDueDevices = devices.length;
    this.#isDueDevice = new Uint8Array(devices.length).fill(1);
    this.#dueChannels = new SendOrder(devices, channels.length);
    this.#shared = [...sharedWires, ...(this.#machines?.all ?? [])];
    this.#sharedEndsNs = new Float64Array(this.#shared.length).fill(Number.POSITIVE_INFINITY);
    this.#isChanged = new Uint8Array(this.#shared.length);
  }

  /** Runs all that is left. @throws PlanError when no action can go on and some are left */
  finish(): Run {
    this.#settle();
    for (let next = this.#nextNs(); next !== Number.POSITIVE_INFINITY; next = this.#nextNs()) {
      this.#nowNs = next;
      this.#applyShared();
      while (this.#due.nextNs() === next) this.#apply(this.#due.take()!);
      this.#settle();
    }
    this.#requireEnd();
    return { ...this.#state, numEvents: this.#numEvents };
  }

  #requireEnd(): void {
    const { devices } = this.#state;
    if (devices.every(({ position, order }) => position === order.letters.length)) return;
    throw blockedError(this.#plan, devices, ({ stage, order, position }) => {
      const microBatch = this.#openSignal(order.signals[position]!);
      if (microBatch < 0) return undefined;
      const { firstStage } = this.#pipelines.ofStage(stage);
      return formatAction({ stage: firstStage, letter: "B", microBatch });
    });
  }

  #scheduleAt(slot: number, timeNs: number): void {
    if (!(timeNs >= this.#nowNs && timeNs <= Number.MAX_SAFE_INTEGER)) {
      throw new InvariantError({ expected: `a whole number of nanoseconds from ${this.#nowNs} on`, got: timeNs });
    }
    this.#due.add(slot, timeNs);
  }

  #addDueDevice(device: DeviceState): void {
    if (this.#isDueDevice[device.stage] === 1) return;
    this.#isDueDevice[device.stage] = 1;
    this.#dueDevices[this.#numDueDevices] = device;
    this.#numDueDevices += 1;
  }

  #startCompute(device: DeviceState): void {
    const { order, position, compute, stage } = device;
    if (compute.busy || position >= order.letters.length) return;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    const input = inputOf(device, letter);
    if (input !== null && !hasArrived(input, microBatch)) return;
    const output = outputOf(device, letter);
    if (output !== null && !hasFreeOutBuffer(output)) return;
    const signal = this.#openSignal(order.signals[position]!);
    if (signal >= 0) {
      if (device.waitsFor < 0) this.#waiting += 1;
      device.waitsFor = signal;
      return;
    }
    if (output !== null) output.reserved += 1;
    const nowNs = this.#nowNs;
    compute.busy = true;
    compute.startNs[position] = nowNs;
    const durationNs = this.#times.action(stage, letter, microBatch);
    if (this.#machines === null) {
      compute.endNs[position] = nowNs + durationNs;
      this.#scheduleAt(stage, nowNs + durationNs);
    } else {
      const machine = this.#machines.ofStage[stage]!;
      machine.start(stage, PLANNED_LETTERS[letter]!, durationNs, nowNs);
      this.#isChanged[this.#shared.indexOf(machine)] = 1;
    }
  }

  /** The first of the signals that is not there; -1 for none. */
  #openSignal(signals: readonly number[]): number {
    for (const signal of signals) if (this.#signalled[signal] === 0) return signal;
    return -1;
  }

  #signalEnd(microBatch: number): void {
    this.#signalled[microBatch] = 1;
    if (this.#waiting === 0) return;
    for (const device of this.#state.devices) {
      if (device.waitsFor !== microBatch) continue;
      device.waitsFor = -1;
      this.#waiting -= 1;
      this.#addDueDevice(device);
    }
  }

  #endGap(device: DeviceState): void {
    device.compute.busy = false;
    this.#addDueDevice(device);
  }

  #endCompute(device: DeviceState): void {
    const { order, position, stage } = device;
    const letter = order.letters[position]!;
    const input = inputOf(device, letter);
    if (input !== null) {
      input.consumed += 1;
      this.#dueChannels.add(input);
    }
    const output = outputOf(device, letter);
    if (output !== null) {
      output.produced += 1;
      this.#dueChannels.add(output);
    }
    device.position = position + 1;
    const { gapNs } = this.#times;
    if (gapNs === 0) this.#endGap(device);
    else this.#scheduleAt(this.#firstGap + stage, this.#nowNs + gapNs);
    if (letter === BACKWARD && this.#pipelines.isFirst(stage)) this.#signalEnd(order.microBatches[position]!);
  }

  #latencyOf(channel: Channel): number {
    const { message } = this.#times;
    if (message === undefined) return channel.latencyNs;
    const letter = channel.kind === "activation" ? FORWARD : BACKWARD;
    return message(channel.from, letter, messageMicroBatch(channel, channel.left));
  }

  /**
   * The last byte is on its way: both streams are free for the next message, and this one arrives a latency later,
   * behind the ones before it.
   */
  #leaveWire(channel: Channel): void {
    const { devices } = this.#state;
    const sender = devices[channel.from]!;
    const receiver = devices[channel.to]!;
    const endNs = Math.max(this.#nowNs + this.#latencyOf(channel), sender.send.lastEndNs, receiver.receive.lastEndNs);
    record(sender.send, channel, endNs);
    record(receiver.receive, channel, endNs);
    channel.arrivalsNs[channel.left % channel.arrivalsNs.length] = endNs;
    if (channel.left === channel.arrived) this.#scheduleAt(this.#firstArrival + channel.index, endNs);
    channel.left += 1;
    this.#dueChannels.add(sender.activationOut);
    this.#dueChannels.add(sender.gradientOut);
    this.#dueChannels.add(receiver.activationIn);
    this.#dueChannels.add(receiver.gradientIn);
  }

  #arrive(channel: Channel): void {
    const { devices } = this.#state;
    channel.arrived += 1;
    if (channel.left > channel.arrived)
      this.#scheduleAt(
        this.#firstArrival + channel.index,
        channel.arrivalsNs[channel.arrived % channel.arrivalsNs.length]!,
      );
    this.#addDueDevice(devices[channel.from]!);
    this.#addDueDevice(devices[channel.to]!);
  }

  #startTransfer(channel: Channel): void {
    const { devices, bytesOf } = this.#state;
    const microBatch = messageMicroBatch(channel, channel.started);
    channel.started += 1;
    channel.startedNs = this.#nowNs;
    const { ownWireNs, sharedWire } = channel;
    if (ownWireNs === null && sharedWire === null) {
      this.#leaveWire(channel);
      return;
    }
    devices[channel.from]!.send.busy = true;
    devices[channel.to]!.receive.busy = true;
    if (ownWireNs !== null) this.#scheduleAt(this.#firstWire + channel.index, this.#nowNs + ownWireNs(microBatch));
    else {
      sharedWire!.start(channel, bytesOf[microBatch]!, this.#nowNs as Nanos);
      this.#isChanged[this.#shared.indexOf(sharedWire!)] = 1;
    }
  }

  #apply(slot: number): void {
    const { devices, channels } = this.#state;
    if (slot < this.#firstWire) this.#endCompute(devices[slot]!);
    else if (slot < this.#firstArrival) this.#leaveWire(channels[slot - this.#firstWire]!);
    else if (slot < this.#firstGap) this.#arrive(channels[slot - this.#firstArrival]!);
    else this.#endGap(devices[slot - this.#firstGap]!);
    this.#numEvents += 1;
  }

  #applyShared(): void {
    const { devices } = this.#state;
    for (let index = 0; index < this.#shared.length; index += 1) {
      if (this.#sharedEndsNs[index] !== this.#nowNs) continue;
      const one = this.#shared[index]!;
      if (one instanceof SharedMachine) {
        for (const stage of one.takeEnded(this.#nowNs)) {
          const { compute, position } = devices[stage]!;
          compute.endNs[position] = this.#nowNs;
          this.#endCompute(devices[stage]!);
        }
      } else {
        for (const channel of one.takeEnded(this.#nowNs as Nanos)) this.#leaveWire(channel);
      }
      this.#isChanged[index] = 1;
      this.#numEvents += 1;
    }
  }

  /** All events of an instant are in: what can start does. */
  #settle(): void {
    for (let at = 0; at < this.#numDueDevices; at += 1) {
      const device = this.#dueDevices[at]!;
      this.#isDueDevice[device.stage] = 0;
      this.#startCompute(device);
    }
    this.#numDueDevices = 0;
    const channels = this.#dueChannels;
    for (let channel = channels.take(); channel !== null; channel = channels.take()) this.#startTransfer(channel);
    for (let index = 0; index < this.#shared.length; index += 1) {
      if (this.#isChanged[index] === 0) continue;
      this.#isChanged[index] = 0;
      this.#sharedEndsNs[index] = this.#shared[index]!.nextEndNs() ?? Number.POSITIVE_INFINITY;
    }
  }

  #nextNs(): number {
    let next = this.#due.nextNs();
    for (let index = 0; index < this.#shared.length; index += 1) next = Math.min(next, this.#sharedEndsNs[index]!);
    return next;
  }
}
