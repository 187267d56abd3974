import { DeviceError } from "../../core/index.ts";
import {
  type Completion,
  createRuntime,
  type Device,
  type DeviceOptions,
  type Listener,
  type RunTask,
  type Runtime,
  type Task,
  type World,
} from "../../native/index.ts";
import { machinesOf, type Setting, stageRanks } from "../../plan/index.ts";
import type { ModelFolder } from "../model-folder.ts";
import {
  type HostInput,
  localStageDevice,
  type OpenStage,
  openLocalStage,
  type StageDevice,
  type StageHost,
  type StageMessage,
  type StageOpening,
} from "../stage-host.ts";
import { completionKey, OrderedCompletions } from "./ordered-completions.ts";
import { RankChannels } from "./rank-channels.ts";
import { RankClock } from "./rank-clock.ts";
import { rankDevices } from "./rank-devices.ts";
import { unpackError } from "./rank-errors.ts";
import { RankLink } from "./rank-link.ts";
import { decode, type RankFacts, type RankReport, type RankTransfer } from "./rank-messages.ts";
import { type RemoteDevice, type RemoteDeviceInput, remoteDevice } from "./remote-device.ts";

/** How often the ranks' clocks are compared. */
const CLOCK_MS = 10_000;

export interface RankedHostInput {
  readonly world: World;
  readonly version: string;
  readonly model: Pick<ModelFolder, "folder" | "digest">;
}

/** Where a stage runs. */
interface Place {
  readonly stage: number;
  readonly rank: number;
  /** On rank 0. */
  readonly local: Device | undefined;
}

/**
 * Stages on the machines of a plan, one rank each: rank 0, which is this process, decides and tells the others what to put
 * into their devices' queues; messages between stages and the norms that updates wait for go from rank to rank without it.
 */
export class RankedHost implements StageHost {
  readonly #input: RankedHostInput;
  readonly #runtime: Runtime = createRuntime();
  readonly #links: readonly RankLink[];
  readonly #channels: RankChannels;
  readonly #clocks: readonly RankClock[];
  readonly #completions: OrderedCompletions;
  readonly #places = new Map<StageDevice, Place>();
  readonly #remote = new Map<number, RemoteDevice>();
  /** Receives, by what their completions are known by there: the device and the action that sent. */
  readonly #receives = new Map<string, Pick<Completion, "device" | "id">>();
  /** By event, the ranks on which it is signalled. */
  readonly #eventRanks = new Map<number, Set<number>>();
  /** By rank and event: how often it has been made new there. */
  readonly #generations: readonly Map<number, number>[];
  readonly #clockTimer: NodeJS.Timeout;
  #setting: Setting | undefined;
  #hostInput: HostInput | undefined;
  #options: readonly (DeviceOptions | undefined)[] = [];
  #opened: Promise<readonly RankFacts[]> = Promise.resolve([]);
  #onComplete: (completions: readonly Completion[]) => void = () => {};
  #onError: (error: DeviceError, domain: number) => void = () => {};
  #failure: Error | undefined;
  #waiters: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(input: RankedHostInput) {
    const { world } = input;
    this.#input = input;
    this.#links = Array.from({ length: world.size - 1 }, (_, i) => new RankLink(world, i + 1));
    this.#channels = new RankChannels(world);
    this.#clocks = this.#links.map(() => new RankClock(this.#runtime.originNs));
    this.#completions = new OrderedCompletions(world.size);
    this.#generations = Array.from({ length: world.size }, () => new Map<number, number>());
    this.#runtime.join(world);
    this.#runtime.onComplete((batch) => this.#report(0, batch, 0));
    this.#runtime.onError((error) => this.#fail(error));
    world.onMessage((from, message) => {
      for (const report of decode<RankReport>(message)) this.#hear(from, report);
    });
    world.onFailure((reason) =>
      this.#fail(new DeviceError({ expected: "all ranks to go on", got: this.#named(reason) })),
    );
    this.#clockTimer = setInterval(() => {
      for (const link of this.#links) link.tell({ kind: "readClock" });
    }, CLOCK_MS);
    this.#clockTimer.unref();
  }

  /** What the other ranks said of themselves, once they have agreed on what is run. */
  get ranks(): Promise<readonly RankFacts[]> {
    return this.#opened;
  }

  /** By rank but the first. */
  get clocks(): readonly RankClock[] {
    return this.#clocks;
  }

  prepare(input: HostInput): void {
    const { setting, measureProducts } = input;
    const { world, version, model } = this.#input;
    const machines = machinesOf(setting);
    if (machines.length !== world.size)
      throw new DeviceError({
        expected: `${machines.length} ranks, one for each machine of the plan (${machines.join(", ")}),`,
        got: world.size,
        hint: `Start it with \`loratwin launch\`, or with \`mpirun -n ${machines.length} ...\`.`,
      });
    this.#setting = setting;
    this.#hostInput = input;
    this.#options = rankDevices(setting, 0, measureProducts);
    const opening = {
      version,
      setting,
      modelFolder: model.folder,
      modelDigest: model.digest,
      measureProducts,
    };
    this.#opened = Promise.all(this.#links.map((link) => link.ask<"open">({ kind: "open", opening })));
    this.#opened.catch(() => {});
  }

  async openStage(opening: StageOpening): Promise<OpenStage> {
    await this.#opened;
    const { stage, domain, arenaBytes, weightsBefore } = opening;
    const setting = this.#setting!;
    const rank = stageRanks(setting)[stage.index]!;
    if (rank === 0) {
      const options = this.#options[stage.index]!;
      const { device, weights } = await openLocalStage(this.#runtime, options, this.#hostInput!, opening);
      const own: StageDevice = {
        ...localStageDevice(device, (other) => this.#places.get(other)!.local!),
        ...this.#enqueueing(() => own),
      };
      this.#places.set(own, { stage: stage.index, rank, local: device });
      return { device: own, weights };
    }
    await weightsBefore;
    const link = this.#links[rank - 1]!;
    const { weights, statistics } = await link.ask<"stage">({ kind: "stage", stage: stage.index, domain, arenaBytes });
    const { name } = setting.devices[stage.device]!;
    const device: RemoteDevice = remoteDevice({
      link,
      stage: stage.index,
      name,
      statistics,
      enqueueing: this.#enqueueing(() => device),
    });
    this.#places.set(device, { stage: stage.index, rank, local: undefined });
    this.#remote.set(stage.index, device);
    return { device, weights };
  }

  async settle(): Promise<void> {
    for (const link of this.#links) link.tell({ kind: "readClock" });
    const reports = await Promise.all(this.#links.map((link) => link.ask<"settle">({ kind: "settle" })));
    for (const [rank, stages] of reports.entries())
      for (const [stage, { samples, ...report }] of stages)
        this.#remote.get(stage)!.update({
          ...report,
          samples: samples.map((sample) => ({ ...sample, atNs: this.#clocks[rank]!.atRank0(sample.atNs) })),
        });
  }

  createEvents(count: number): number {
    for (const link of this.#links) link.tell({ kind: "events", count });
    return this.#runtime.createEvents(count);
  }

  createNormCells(count: number): number {
    for (const link of this.#links) link.tell({ kind: "cells", count });
    return this.#runtime.createNormCells(count);
  }

  renewEvents(events: readonly number[]): void {
    const byRank = this.#generations.map((): number[] => []);
    for (const event of events) {
      for (const rank of this.#eventRanks.get(event) ?? []) {
        byRank[rank]!.push(event);
        this.#generations[rank]!.set(event, this.#generation(rank, event) + 1);
      }
      this.#eventRanks.delete(event);
    }
    this.#runtime.renewEvents(byRank[0]!);
    for (const link of this.#links) {
      const own = byRank[link.rank]!;
      if (own.length > 0) link.tell({ kind: "renew", events: own });
    }
  }

  signal(event: number): void {
    for (const link of this.#links) link.tell({ kind: "signal", event });
    this.#runtime.signal(event);
  }

  nowNs(): number {
    return this.#runtime.nowNs();
  }

  onComplete(callback: (completions: readonly Completion[]) => void): void {
    this.#onComplete = callback;
  }

  onError(callback: (error: DeviceError, domain: number) => void): void {
    this.#onError = callback;
  }

  idle(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#completions.numOpen === 0) return Promise.resolve();
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }));
  }

  abandon(): void {
    this.#leave();
    this.#runtime.abandon();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#clockTimer);
    this.#runtime[Symbol.dispose]();
    this.#leave();
  }

  /** The others stop where the run has failed; a run that has not goes on with them. */
  #leave(): void {
    clearInterval(this.#clockTimer);
    if (this.#failure === undefined) return;
    for (const link of this.#links) {
      link.tell({ kind: "abort", reason: this.#failure.message });
      link.flush();
    }
  }

  #hear(rank: number, report: RankReport): void {
    const link = this.#links[rank - 1]!;
    switch (report.kind) {
      case "answer":
        link.answer(report.call, report.value);
        return;
      case "refused":
        link.refuse(report.call, unpackError(report.error, this.#nameOf(rank)));
        return;
      case "completions":
        this.#report(rank, report.completions, report.originNs);
        return;
      case "failed":
        this.#fail(unpackError(report.error, this.#nameOf(rank)));
        return;
      case "clock":
        this.#clocks[rank - 1]!.add(report.reading);
    }
  }

  /** `originNs`: what the rank's clock showed when the times of its completions were 0. */
  #report(rank: number, completions: readonly Completion[], originNs: number): void {
    const clock = this.#clocks[rank - 1];
    const time = (ns: number): number => (clock === undefined ? ns : clock.atRank0(originNs + ns));
    this.#completions.report(
      rank,
      completions.map((done) => ({ ...done, startNs: time(done.startNs), endNs: time(done.endNs) })),
    );
    const told = this.#completions.take();
    if (told.length > 0) this.#onComplete(told.map((done) => this.#asSent(done)));
    if (this.#completions.numOpen > 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { resolve } of waiters) resolve();
  }

  /** A receive is told of as the action's that sent. */
  #asSent(done: Completion): Completion {
    if (done.stream !== "receive") return done;
    const key = completionKey(done);
    const sent = this.#receives.get(key)!;
    this.#receives.delete(key);
    return { ...done, ...sent };
  }

  /** A run over several machines ends with the first failure: the others wait for what never comes. */
  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    const failure =
      error instanceof DeviceError ? error : new DeviceError({ expected: "its ranks to go on", got: error.message });
    this.#failure = failure;
    for (const link of this.#links) link.fail(failure);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(failure);
    for (const domain of this.#setting?.pipelines.keys() ?? []) this.#onError(failure, domain);
  }

  /** "rank 1 (machine b, stages 2 and 3)" */
  #nameOf(rank: number): string {
    if (this.#setting === undefined) return `rank ${rank}`;
    const stages = stageRanks(this.#setting).flatMap((own, stage) => (own === rank ? [stage] : []));
    const text = stages.length === 1 ? `stage ${stages[0]}` : `stages ${stages.join(", ")}`;
    return `rank ${rank} (machine ${machinesOf(this.#setting)[rank]}${stages.length === 0 ? "" : `, ${text}`})`;
  }

  #named(reason: string): string {
    return reason.replace(/\brank (\d+)\b/g, (_, rank: string) => this.#nameOf(Number(rank)));
  }

  #generation(rank: number, event: number): number {
    return this.#generations[rank]!.get(event) ?? 0;
  }

  #signalledOn(event: number | undefined, rank: number): void {
    if (event === undefined) return;
    const ranks = this.#eventRanks.get(event) ?? new Set();
    ranks.add(rank);
    this.#eventRanks.set(event, ranks);
  }

  #queued(device: string, stream: Completion["stream"], rank: number, { id, waits, signal }: Task): void {
    this.#signalledOn(signal, rank);
    this.#completions.enqueued(completionKey({ device, stream, id }), { rank, waits, signal });
  }

  #enqueueing(own: () => StageDevice): RemoteDeviceInput["enqueueing"] {
    const placed = (): Place & { readonly name: string } => ({ ...this.#places.get(own())!, name: own().name });
    return {
      enqueueRun: ({ listeners: ranks = [], ...task }) => {
        const { name, rank, stage, local } = placed();
        this.#queued(name, "compute", rank, task);
        const listeners = ranks.map((listener): Listener => {
          this.#signalledOn(task.signal, listener);
          return { rank: listener, generation: this.#generation(listener, task.signal!) };
        });
        const heard: RunTask = listeners.length === 0 ? task : { ...task, listeners };
        if (local !== undefined) local.enqueueRun(heard);
        else this.#linkTo(rank).tell({ kind: "run", stage, task: heard });
      },
      enqueueUpdate: (task) => {
        const { name, rank, stage, local } = placed();
        this.#queued(name, "compute", rank, task);
        if (local !== undefined) local.enqueueUpdate(task);
        else this.#linkTo(rank).tell({ kind: "update", stage, task });
      },
      enqueueFault: (task, fault) => {
        const { name, rank, stage, local } = placed();
        this.#queued(name, "compute", rank, task);
        if (local !== undefined) local.enqueueFault(task, fault);
        else this.#linkTo(rank).tell({ kind: "fault", stage, task, fault });
      },
      enqueueSend: (message) => {
        const from = placed();
        const to = this.#places.get(message.destination)!;
        if (from.rank === to.rank) this.#copy(from, to, message);
        else this.#transfer(from, to, message);
      },
    };
  }

  #copy(from: Place & { readonly name: string }, to: Place, message: StageMessage): void {
    const { destination: _, receiveWaits: __, ...task } = message;
    this.#queued(from.name, "send", from.rank, task);
    if (from.local !== undefined) from.local.enqueueSend({ ...task, destination: to.local! });
    else this.#linkTo(from.rank).tell({ kind: "copy", stage: from.stage, toStage: to.stage, task });
  }

  #transfer(from: Place & { readonly name: string }, to: Place, message: StageMessage): void {
    const { id, waits, signal, source, bytes, destination, destinationOffset, receiveWaits = [] } = message;
    const event = signal === undefined ? {} : { signal };
    // Messages up and down between two stages have channels of their own; so have their numbers at the receiver.
    const down = to.stage > from.stage ? 0 : 1;
    const channel = 2 * from.stage + down;
    const send: RankTransfer = { id, waits, ...event, offset: source, bytes, peer: to.rank, channel };
    const receive: RankTransfer = {
      id: 2 * id + down,
      waits: receiveWaits,
      ...event,
      offset: destinationOffset,
      bytes,
      peer: from.rank,
      channel,
    };
    this.#queued(from.name, "send", from.rank, send);
    // What is received was computed before.
    this.#queued(destination.name, "receive", to.rank, { ...receive, waits: [...receiveWaits, ...waits] });
    this.#receives.set(completionKey({ device: destination.name, stream: "receive", id: receive.id }), {
      device: from.name,
      id,
    });
    this.#give("send", from, send);
    this.#give("receive", to, receive);
  }

  #give(kind: "send" | "receive", { rank, stage, local }: Place, task: RankTransfer): void {
    if (local === undefined) {
      this.#linkTo(rank).tell({ kind, stage, task });
      return;
    }
    const channel = this.#channels.to(task.peer, task.channel);
    if (kind === "send") local.enqueueChannelSend({ ...task, channel });
    else local.enqueueReceive({ ...task, channel });
  }

  #linkTo(rank: number): RankLink {
    return this.#links[rank - 1]!;
  }
}
