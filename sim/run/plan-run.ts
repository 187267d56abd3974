import { clockTime, DueSlots, InvariantError, type Nanos } from "../../core/index.ts";
import {
  type ActionDurations,
  BACKWARD,
  FORWARD,
  formatAction,
  type LiveWork,
  type PipelineTable,
  PLANNED_LETTERS,
  pipelineTable,
  UPDATE,
  type Work,
} from "../../plan/index.ts";
import { Connection } from "../network/connection.ts";
import { ArrivalNotices } from "./arrival-notices.ts";
import { blockedError } from "./blocked.ts";
import { type Channel, hasArrived, hasFreeOutBuffer, holdsSender, messageMicroBatch, type OnLine } from "./channel.ts";
import { Connections } from "./connections.ts";
import { type DeviceState, hasAction, inputOf, outputOf } from "./device.ts";
import { HeldStarts } from "./held-starts.ts";
import { LiveFacts, type MicroBatchFacts, type RunSetting } from "./live-facts.ts";
import { MessageSizes } from "./message-sizes.ts";
import { NormMessages } from "./norm-messages.ts";
import { OwedWork } from "./owed-work.ts";
import { createPlanState, type PlanState } from "./plan-state.ts";
import type { Run } from "./run.ts";
import { SendOrder } from "./send-order.ts";
import type { SettingTimes } from "./setting-times.ts";
import { type EndedOnShared, SharedEnds } from "./shared-ends.ts";
import { sharedMachines } from "./shared-machine.ts";
import { stageOrder } from "./stage-orders.ts";

/**
 * A plan that runs in virtual time: each stage's actions strictly in plan order, messages over the links, within the
 * planned buffers. Decisions are made once all events of an instant have been applied, so that ties cannot change one.
 *
 * It is a machine with a state: segments are appended while others are in flight, and what has ended is taken piece by
 * piece. It holds no more than what is in flight and what was not taken.
 */
export class PlanRun {
  readonly #setting: RunSetting;
  readonly #times: SettingTimes;
  readonly #isFollowed: boolean;
  readonly #state: PlanState;
  readonly #facts: LiveFacts;
  readonly #sizes = new MessageSizes();
  readonly #pipelines: PipelineTable;
  readonly #machines: ReturnType<typeof sharedMachines> | null;
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
  readonly #shared: SharedEnds;
  readonly #norms: NormMessages;
  readonly #notices: ArrivalNotices;
  /** First stages whose actions have ended since somebody asked, one for each action. */
  #passed: number[] = [];
  readonly #ofShared: EndedOnShared = {
    endCompute: (stage) => this.#endCompute(this.#state.devices[stage]!),
    leaveLine: (owner) => this.#leaveSharedLine(owner),
  };
  readonly starts = new HeldStarts();
  readonly #own: OwedWork | undefined;
  /** Devices that wait for a signal. */
  #waiting = 0;
  #nowNs = 0;
  #numEvents = 0;

  /** `isFollowed`: whether somebody asks which actions of first stages have ended (`takePassed`). */
  constructor(setting: RunSetting, times: SettingTimes, isFollowed = false) {
    if (times.contention !== undefined && times.clocks !== undefined)
      throw new InvariantError({ expected: "devices with clocks, or devices that slow each other", got: "both" });
    const connections = new Connections(setting, times.links, this.#sizes);
    const state = createPlanState(setting, connections);
    const { devices, channels } = state;
    this.#setting = setting;
    this.#times = times;
    this.#isFollowed = isFollowed;
    this.#state = state;
    this.#facts = new LiveFacts(setting, this.#sizes);
    this.#pipelines = pipelineTable(setting);
    this.#own = times.ownWork && new OwedWork(setting, times.ownWork);
    this.#machines = times.contention === undefined ? null : sharedMachines(setting, times.contention);
    this.#firstWire = devices.length;
    this.#firstArrival = this.#firstWire + channels.length;
    this.#firstGap = this.#firstArrival + channels.length;
    this.#due = new DueSlots(this.#firstGap + devices.length);
    this.#dueDevices = [...devices];
    this.#numDueDevices = devices.length;
    this.#isDueDevice = new Uint8Array(devices.length).fill(1);
    this.#dueChannels = new SendOrder(channels.length);
    this.#shared = new SharedEnds([...connections.sharedLines, ...(this.#machines?.all ?? [])]);
    const small = { sizes: this.#sizes, shared: this.#shared };
    this.#norms = new NormMessages(setting, connections, this.#facts.live, small);
    this.#notices = new ArrivalNotices(setting, connections, channels.length, small);
  }

  /** Up to when it has run. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /** When something happens next; infinite where nothing does. */
  nextNs(): number {
    this.#settle();
    return Math.min(this.#shared.nextNs(this.#due.nextNs()), this.#norms.nextNs(), this.#notices.nextNs());
  }

  /** Adds the next segment behind those that it has. `durationsOf`: times of its micro-batches' actions. */
  append(work: Work, durationsOf: (live: LiveWork) => ActionDurations): void {
    this.#facts.append(work, durationsOf);
    this.#norms.expect(work);
    const { devices } = this.#state;
    const sent = devices.map(() => 0);
    const received = devices.map(() => 0);
    work.actions.forEach((keys, stage) => {
      if (keys.length === 0) return;
      const device = devices[stage]!;
      const order = stageOrder(stage, keys, this.#facts.signalsOf);
      device.orders.push(order);
      device.compute.expect(order);
      for (const [letter, count] of order.counts.entries()) {
        const output = outputOf(device, letter);
        if (output === null) continue;
        sent[stage]! += count;
        received[output.to]! += count;
      }
      this.#addDueDevice(device);
    });
    for (const { stage, send, receive } of devices) {
      send.expect(sent[stage]!);
      receive.expect(received[stage]!);
    }
  }

  /** Runs all that happens up to a time, that time included. */
  advance(untilNs: number): void {
    for (let next = this.nextNs(); next <= untilNs && next !== Number.POSITIVE_INFINITY; next = this.nextNs()) {
      this.#nowNs = next;
      this.#numEvents += this.#shared.apply(next, this.#ofShared);
      while (this.#due.nextNs() === next) this.#apply(this.#due.take()!);
      if (this.#norms.nextNs() === next)
        for (const stage of this.#norms.takeArrived(next)) this.#addDueDevice(this.#state.devices[stage]!);
      for (let at = this.#notices.take(next); at !== undefined; at = this.#notices.take(next)) this.#hear(at);
    }
    if (untilNs < Number.POSITIVE_INFINITY) this.#nowNs = Math.max(this.#nowNs, untilNs);
  }

  /** Runs all that is left. @throws PlanError when no action can go on and some are left */
  finish(): Run {
    this.advance(Number.POSITIVE_INFINITY);
    if (this.#state.devices.some((device) => hasAction(device)))
      throw blockedError(this.#setting, this.#state.devices, ({ stage, order, position }) => {
        const microBatch = this.#facts.openSignal(order, position);
        if (microBatch < 0) return undefined;
        const { firstStage } = this.#pipelines.ofStage(stage);
        return formatAction({ stage: firstStage, letter: "B", microBatch });
      });
    return this.take();
  }

  /** First stages of pipelines, one for each of their actions that has ended since the last time, in order. */
  takePassed(): readonly number[] {
    const passed = this.#passed;
    this.#passed = [];
    return passed;
  }

  /** What has ended since the last time. */
  take(): Run {
    const { devices, channels } = this.#state;
    return {
      devices: devices.map(({ stage, compute, send, receive }) => ({
        stage,
        compute: compute.take(),
        send: send.take(),
        receive: receive.take(),
      })),
      channels,
      numEvents: this.#numEvents,
    };
  }

  #scheduleAt(slot: number, timeNs: number): void {
    this.#due.add(slot, clockTime(timeNs, this.#nowNs));
  }

  #addDueDevice(device: DeviceState): void {
    if (this.#isDueDevice[device.stage] === 1) return;
    this.#isDueDevice[device.stage] = 1;
    this.#dueDevices[this.#numDueDevices] = device;
    this.#numDueDevices += 1;
  }

  #startCompute(device: DeviceState): void {
    const { compute, stage } = device;
    if (compute.busy || (device.position === device.order.letters.length && !hasAction(device))) return;
    if (holdsSender(device.activationOut) || holdsSender(device.gradientOut)) return;
    const { order, position } = device;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    const input = inputOf(device, letter);
    if (input !== null && !hasArrived(input, microBatch)) return;
    const output = outputOf(device, letter);
    if (output !== null && !hasFreeOutBuffer(output)) return;
    const signal = this.#facts.openSignal(order, position);
    if (signal >= 0) {
      if (device.waitsFor < 0) this.#waiting += 1;
      device.waitsFor = signal;
      return;
    }
    if (letter === UPDATE && this.#norms.isMissing(stage, microBatch)) return;
    const laterNs = letter === FORWARD ? this.starts.after(microBatch, this.#nowNs) : undefined;
    if (laterNs !== undefined) {
      compute.busy = true;
      this.#scheduleAt(this.#firstGap + stage, laterNs);
      return;
    }
    if (output !== null) output.reserved += 1;
    const nowNs = this.#nowNs;
    compute.busy = true;
    compute.startNs[compute.length] = nowNs;
    const facts = this.#facts.of(microBatch);
    device.facts = facts;
    const aloneNs = facts.durations(stage, letter, microBatch - facts.firstMicroBatch);
    const durationNs = aloneNs + (this.#own?.began(stage, nowNs) ?? 0);
    if (this.#machines === null) {
      this.#scheduleAt(stage, this.#times.clocks?.[stage]?.endNs(nowNs, durationNs) ?? nowNs + durationNs);
    } else {
      const machine = this.#machines.ofStage[stage]!;
      machine.start(stage, PLANNED_LETTERS[letter]!, durationNs, nowNs);
      this.#shared.change(machine);
    }
  }

  #signalEnd({ signalled, firstMicroBatch }: MicroBatchFacts, microBatch: number): void {
    signalled[microBatch - firstMicroBatch] = 1;
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
    const { order, position, stage, facts, compute } = device;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    compute.endNs[compute.length] = this.#nowNs;
    compute.length += 1;
    this.#own?.ended(stage, this.#nowNs);
    const input = inputOf(device, letter);
    if (input !== null) {
      input.consumed += 1;
      this.#dueChannels.add(input);
    }
    const output = outputOf(device, letter);
    if (output !== null) {
      const at = output.produced & output.mask;
      output.letters[at] = letter;
      output.microBatches[at] = microBatch;
      output.sizes[at] = facts.sizes[output.dtype][microBatch - facts.firstMicroBatch]!;
      output.producedNs[at] = this.#nowNs;
      output.produced += 1;
      this.#dueChannels.add(output);
    }
    device.position = position + 1;
    const { gapNs } = this.#times;
    if (gapNs === 0) this.#endGap(device);
    else this.#scheduleAt(this.#firstGap + stage, this.#nowNs + gapNs);
    if (this.#pipelines.isFirst(stage)) {
      if (this.#isFollowed) this.#passed.push(stage);
      // One that has no backward ends with its evaluation: the same decisions may wait for that.
      if (letter !== FORWARD) this.#signalEnd(facts, microBatch);
    }
    if (letter === BACKWARD) this.#norms.endBackward(stage, microBatch);
    this.#facts.end(facts);
  }

  #latencyOf(channel: Channel): number {
    const { message } = this.#times;
    if (message === undefined) return channel.latencyNs;
    const letter = channel.kind === "activation" ? FORWARD : BACKWARD;
    return message(channel.from, letter, messageMicroBatch(channel, channel.left));
  }

  /**
   * The last byte is on its way: both lanes are free for the next message, and this one arrives a latency later,
   * behind the ones before it.
   */
  #leaveWire(channel: Channel): void {
    const { devices } = this.#state;
    const sender = devices[channel.from]!;
    const receiver = devices[channel.to]!;
    const { sendLane, receiveLane } = channel;
    const endNs = Math.max(this.#nowNs + this.#latencyOf(channel), sendLane.lastEndNs, receiveLane.lastEndNs);
    const microBatch = messageMicroBatch(channel, channel.left);
    sender.send.record(channel, sendLane, microBatch, endNs);
    receiver.receive.record(channel, receiveLane, microBatch, endNs);
    for (const lane of [sendLane, receiveLane]) {
      lane.busy = false;
      lane.lastEndNs = endNs;
    }
    channel.arrivalsNs[channel.left & channel.mask] = endNs;
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
      this.#scheduleAt(this.#firstArrival + channel.index, channel.arrivalsNs[channel.arrived & channel.mask]!);
    if (channel.isSenderHeld) this.#notices.send(channel, this.#nowNs);
    this.#addDueDevice(devices[channel.from]!);
    this.#addDueDevice(devices[channel.to]!);
  }

  #hear(channel: number): void {
    const { from } = this.#state.channels[channel]!;
    this.#state.channels[channel]!.heard += 1;
    this.#addDueDevice(this.#state.devices[from]!);
  }

  #startTransfer(channel: Channel): void {
    const size = channel.sizes[channel.started & channel.mask]!;
    channel.started += 1;
    channel.startedNs = this.#nowNs;
    const { ownWireNs, sharedLine, route, connection } = channel;
    if (ownWireNs === null && sharedLine === null) {
      this.#leaveWire(channel);
      return;
    }
    channel.sendLane.busy = true;
    channel.receiveLane.busy = true;
    if (ownWireNs !== null) {
      const takesNs = ownWireNs(size);
      const leftNs = connection === null ? this.#nowNs + takesNs : connection.follow(this.#nowNs, takesNs);
      this.#scheduleAt(this.#firstWire + channel.index, leftNs);
    } else {
      const bytes = this.#sizes.bytesOf(size);
      if (connection === null) sharedLine!.start(channel, bytes, this.#nowNs as Nanos, route);
      else connection.add(channel, bytes, this.#nowNs);
      this.#shared.change(sharedLine!);
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

  #leaveSharedLine(owner: OnLine): void {
    const message = owner instanceof Connection ? owner.leave(this.#nowNs) : owner;
    if (typeof message === "function") message(this.#nowNs);
    else this.#leaveWire(message);
  }

  /** All events of an instant are in: what can start does. */
  #settle(): void {
    for (let at = 0; at < this.#numDueDevices; at += 1) {
      const device = this.#dueDevices[at]!;
      this.#isDueDevice[device.stage] = 0;
      this.#startCompute(device);
    }
    this.#numDueDevices = 0;
    const due = this.#dueChannels;
    for (let channel = due.take(); channel !== null; channel = due.take()) this.#startTransfer(channel);
    this.#norms.sendTaken(this.#nowNs);
    this.#shared.settle();
  }
}
