import { DueSlots, InvariantError, type Nanos } from "../../core/index.ts";
import {
  type ActionDurations,
  BACKWARD,
  type Contention,
  type CostModel,
  FORWARD,
  formatAction,
  LiveWork,
  messageBytesPerToken,
  microBatchTokens,
  type PipelineTable,
  PLANNED_LETTERS,
  pipelineTable,
  type Work,
} from "../../plan/index.ts";
import type { Wire } from "../network/link.ts";
import { blockedError } from "./blocked.ts";
import { type Channel, hasArrived, hasFreeOutBuffer, messageMicroBatch, produce } from "./channel.ts";
import { type ComputeColumns, type DeviceState, hasAction, inputOf, outputOf, type TransferColumns } from "./device.ts";
import { createPlanState, MessageSizes, type PlanState, type RunSetting } from "./plan-state.ts";
import { SendOrder } from "./send-order.ts";
import { SharedMachine, sharedMachines } from "./shared-machine.ts";
import { openSignal, stageOrder } from "./stage-orders.ts";

/** What has ended on the streams of a stage's device. */
export interface StageRun {
  readonly stage: number;
  readonly compute: ComputeColumns;
  readonly send: TransferColumns;
  readonly receive: TransferColumns;
}

/** What has ended of a run, in columns: what a trace is made of. */
export interface Run {
  /** By stage. */
  readonly devices: readonly StageRun[];
  readonly channels: readonly Pick<Channel, "from" | "letter">[];
  /** Events that were applied: ends of actions and of bytes on a wire, and arrivals. */
  readonly numEvents: number;
}

/** Times of a run beside those of its actions. */
export interface SettingTimes {
  readonly links: Pick<CostModel, "linkCost">;
  /** From the departure of each message to its arrival, by its sender's action, in place of the link's latency. */
  readonly message?: ActionDurations;
  /** How devices of one machine slow each other; then an action's time is with all of them at work. */
  readonly contention?: Contention;
  /** From the end of an action until its device can start the next. */
  readonly gapNs: number;
}

/** A segment's part of what the run looks up for each action. */
interface Facts {
  readonly firstMicroBatch: number;
  readonly durations: ActionDurations;
  /** By micro-batch, the number of its messages' size. */
  readonly sizes: Int32Array;
  /** By micro-batch: whether its backward on its pipeline's first stage has ended. */
  readonly signalled: Uint8Array;
}

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
  readonly #state: PlanState;
  readonly #live: LiveWork;
  readonly #facts = new Map<object, Facts>();
  readonly #sizes = new MessageSizes();
  readonly #bytesPerToken: number;
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
  readonly #shared: readonly (Wire<Channel> | SharedMachine)[];
  readonly #sharedEndsNs: Float64Array;
  readonly #isChanged: Uint8Array;
  /** Devices that wait for a signal. */
  #waiting = 0;
  #nowNs = 0;
  #numEvents = 0;

  constructor(setting: RunSetting, times: SettingTimes) {
    const state = createPlanState(setting, times.links, this.#sizes);
    const { devices, channels, sharedWires } = state;
    this.#setting = setting;
    this.#times = times;
    this.#state = state;
    this.#live = new LiveWork(setting);
    this.#bytesPerToken = messageBytesPerToken(setting.model);
    this.#pipelines = pipelineTable(setting);
    this.#machines = times.contention === undefined ? null : sharedMachines(setting, times.contention);
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

  /** Up to when it has run. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /** Actions of a stage that have not ended. */
  numAhead(stage: number): number {
    const { order, orders, position } = this.#state.devices[stage]!;
    return orders.reduce((sum, { keys }) => sum + keys.length, order.keys.length - position);
  }

  /** The jobs and groups that are in flight, with those of a segment that is appended next. */
  get work(): LiveWork {
    return this.#live;
  }

  /** Adds the next segment behind those that it has. `durationsOf`: times of its micro-batches' actions. */
  append(work: Work, durationsOf: (live: LiveWork) => ActionDurations): void {
    const piece = this.#live.append(work);
    const { microBatches } = work;
    if (piece.left > 0)
      this.#facts.set(piece, {
        firstMicroBatch: piece.firstMicroBatch,
        durations: durationsOf(this.#live),
        sizes: Int32Array.from(microBatches, (each) =>
          this.#sizes.numberOf(microBatchTokens(each) * this.#bytesPerToken),
        ),
        signalled: new Uint8Array(microBatches.length),
      });
    const { devices } = this.#state;
    work.actions.forEach((keys, stage) => {
      if (keys.length === 0) return;
      const device = devices[stage]!;
      const order = stageOrder(keys, (...action) => this.#live.signalsOf(...action));
      device.orders.push(order);
      device.compute.reserve(keys.length);
      const [forwards, backwards] = order.counts;
      device.send.reserve(
        (device.activationOut === null ? 0 : forwards) + (device.gradientOut === null ? 0 : backwards),
      );
      device.receive.reserve(
        (device.activationIn === null ? 0 : forwards) + (device.gradientIn === null ? 0 : backwards),
      );
      this.#addDueDevice(device);
    });
  }

  /** Runs all that happens up to a time, that time included. */
  advance(untilNs: number): void {
    this.#settle();
    for (let next = this.#nextNs(); next <= untilNs && next !== Number.POSITIVE_INFINITY; next = this.#nextNs()) {
      this.#nowNs = next;
      this.#applyShared();
      while (this.#due.nextNs() === next) this.#apply(this.#due.take()!);
      this.#settle();
    }
    if (untilNs < Number.POSITIVE_INFINITY) this.#nowNs = Math.max(this.#nowNs, untilNs);
  }

  /** Runs all that is left. @throws PlanError when no action can go on and some are left */
  finish(): Run {
    this.advance(Number.POSITIVE_INFINITY);
    if (this.#state.devices.some((device) => hasAction(device)))
      throw blockedError(this.#setting, this.#state.devices, ({ stage, order, position }) => {
        const microBatch = openSignal(order, position, (each) => this.#isSignalled(each));
        if (microBatch < 0) return undefined;
        const { firstStage } = this.#pipelines.ofStage(stage);
        return formatAction({ stage: firstStage, letter: "B", microBatch });
      });
    return this.take();
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

  #factsOf(microBatch: number): Facts {
    return this.#facts.get(this.#live.pieceOf(microBatch))!;
  }

  #isSignalled(microBatch: number): boolean {
    if (microBatch < this.#live.oldestMicroBatch) return true;
    const piece = this.#live.findPiece(microBatch);
    if (piece === undefined) return true;
    const { signalled, firstMicroBatch } = this.#facts.get(piece)!;
    return signalled[microBatch - firstMicroBatch] === 1;
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
    const { compute, stage } = device;
    if (compute.busy || !hasAction(device)) return;
    const { order, position } = device;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    const input = inputOf(device, letter);
    if (input !== null && !hasArrived(input, microBatch)) return;
    const output = outputOf(device, letter);
    if (output !== null && !hasFreeOutBuffer(output)) return;
    if (order.signals[position] !== -1) {
      const signal = openSignal(order, position, (each) => this.#isSignalled(each));
      if (signal >= 0) {
        if (device.waitsFor < 0) this.#waiting += 1;
        device.waitsFor = signal;
        return;
      }
    }
    if (output !== null) output.reserved += 1;
    const nowNs = this.#nowNs;
    compute.busy = true;
    compute.startedNs = nowNs;
    const { durations, firstMicroBatch } = this.#factsOf(microBatch);
    const durationNs = durations(stage, letter, microBatch - firstMicroBatch);
    if (this.#machines === null) {
      this.#scheduleAt(stage, nowNs + durationNs);
    } else {
      const machine = this.#machines.ofStage[stage]!;
      machine.start(stage, PLANNED_LETTERS[letter]!, durationNs, nowNs);
      this.#isChanged[this.#shared.indexOf(machine)] = 1;
    }
  }

  #signalEnd(microBatch: number): void {
    const { signalled, firstMicroBatch } = this.#factsOf(microBatch);
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
    const { order, position, stage } = device;
    const letter = order.letters[position]!;
    const microBatch = order.microBatches[position]!;
    device.compute.ended(letter, microBatch, this.#nowNs);
    const input = inputOf(device, letter);
    if (input !== null) {
      input.consumed += 1;
      this.#dueChannels.add(input);
    }
    const output = outputOf(device, letter);
    if (output !== null) {
      const { sizes, firstMicroBatch } = this.#factsOf(microBatch);
      produce(output, microBatch, sizes[microBatch - firstMicroBatch]!, this.#nowNs);
      this.#dueChannels.add(output);
    }
    device.position = position + 1;
    const { gapNs } = this.#times;
    if (gapNs === 0) this.#endGap(device);
    else this.#scheduleAt(this.#firstGap + stage, this.#nowNs + gapNs);
    if (letter === BACKWARD && this.#pipelines.isFirst(stage)) this.#signalEnd(microBatch);
    const piece = this.#live.pieceOf(microBatch);
    this.#live.end(microBatch);
    if (piece.left === 0) this.#facts.delete(piece);
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
    const microBatch = messageMicroBatch(channel, channel.left);
    sender.send.ended(channel, microBatch, endNs);
    receiver.receive.ended(channel, microBatch, endNs);
    channel.arrivalsNs[channel.left % channel.room] = endNs;
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
      this.#scheduleAt(this.#firstArrival + channel.index, channel.arrivalsNs[channel.arrived % channel.room]!);
    this.#addDueDevice(devices[channel.from]!);
    this.#addDueDevice(devices[channel.to]!);
  }

  #startTransfer(channel: Channel): void {
    const { devices } = this.#state;
    const size = channel.sizes[channel.started % channel.room]!;
    channel.started += 1;
    channel.startedNs = this.#nowNs;
    const { ownWireNs, sharedWire } = channel;
    if (ownWireNs === null && sharedWire === null) {
      this.#leaveWire(channel);
      return;
    }
    devices[channel.from]!.send.busy = true;
    devices[channel.to]!.receive.busy = true;
    if (ownWireNs !== null) this.#scheduleAt(this.#firstWire + channel.index, this.#nowNs + ownWireNs(size));
    else {
      sharedWire!.start(channel, this.#sizes.bytesOf(size), this.#nowNs as Nanos);
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
        for (const stage of one.takeEnded(this.#nowNs)) this.#endCompute(devices[stage]!);
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
