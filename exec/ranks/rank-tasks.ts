import type { ChannelWay, Completion, Device, Listener, RunTask, Task, World } from "../../native/index.ts";
import type { StageDevice, StageMessage } from "../stage-host.ts";
import { completionKey, OrderedCompletions } from "./ordered-completions.ts";
import { RankChannels } from "./rank-channels.ts";
import { areReached, type StageGpu } from "./rank-gpus.ts";
import type { RankLink } from "./rank-link.ts";
import type { RankTransfer } from "./rank-messages.ts";
import type { RemoteDeviceInput } from "./remote-device.ts";

/** Where a stage runs. */
export interface Place {
  readonly stage: number;
  readonly rank: number;
  /** On rank 0. */
  readonly local: Device | undefined;
  /** Where NCCL can be used. */
  readonly gpu: StageGpu | undefined;
}

/** What rank 0 puts into the queues of all ranks' devices, and what comes back. */
export class RankTasks {
  readonly #links: readonly RankLink[];
  readonly #channels: RankChannels;
  readonly #completions: OrderedCompletions;
  readonly #places = new Map<StageDevice, Place>();
  /** Receives, by what their completions are known by there: the device and the action that sent. */
  readonly #receives = new Map<string, Pick<Completion, "device" | "id">>();
  /** By event, the ranks on which it is signalled. */
  readonly #eventRanks = new Map<number, Set<number>>();
  /** By rank and event: how often it has been made new there. */
  readonly #generations: readonly Map<number, number>[];

  constructor(world: World, links: readonly RankLink[]) {
    this.#links = links;
    this.#channels = new RankChannels(world);
    this.#completions = new OrderedCompletions(world.size);
    this.#generations = Array.from({ length: world.size }, () => new Map<number, number>());
  }

  /** A stage's device is there. */
  place(device: StageDevice, place: Place): void {
    this.#places.set(device, place);
  }

  /** A stage's device of this rank. */
  localOf(device: StageDevice): Device {
    return this.#places.get(device)!.local!;
  }

  /** Tasks that have not been told of. */
  get numOpen(): number {
    return this.#completions.numOpen;
  }

  /** What a rank has reported, in the order in which it ended there: what can be told of now. */
  report(rank: number, completions: readonly Completion[]): readonly Completion[] {
    this.#completions.report(rank, completions);
    return this.#completions.take().map((done) => this.#asSent(done));
  }

  /** Events that nobody waits for any more: by rank, those that have to be made new there. */
  renewed(events: readonly number[]): readonly (readonly number[])[] {
    const byRank = this.#generations.map((): number[] => []);
    for (const event of events) {
      for (const rank of this.#eventRanks.get(event) ?? []) {
        byRank[rank]!.push(event);
        this.#generations[rank]!.set(event, this.#generation(rank, event) + 1);
      }
      this.#eventRanks.delete(event);
    }
    return byRank;
  }

  /** A receive is told of as the action's that sent. */
  #asSent(done: Completion): Completion {
    if (done.stream !== "receive") return done;
    const key = completionKey(done);
    const sent = this.#receives.get(key)!;
    this.#receives.delete(key);
    return { ...done, ...sent };
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

  /** A rank that hears of a task's event. */
  #listener(rank: number, event: number): Listener {
    this.#signalledOn(event, rank);
    return { rank, generation: this.#generation(rank, event) };
  }

  #queued(device: string, stream: Completion["stream"], rank: number, { id, waits, signal }: Task): void {
    this.#signalledOn(signal, rank);
    this.#completions.enqueued(completionKey({ device, stream, id }), { rank, waits, signal });
  }

  /** What puts tasks into the queues of a device. */
  enqueueing(own: () => StageDevice): RemoteDeviceInput["enqueueing"] {
    const placed = (): Place & { readonly name: string } => ({ ...this.#places.get(own())!, name: own().name });
    return {
      enqueueRun: ({ listeners: ranks = [], ...task }) => {
        const { name, rank, stage, local } = placed();
        this.#queued(name, "compute", rank, task);
        const listeners = ranks.map((listener) => this.#listener(listener, task.signal!));
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
    const { destination: _, receiveWaits: __, isHeld: ___, ...task } = message;
    this.#queued(from.name, "send", from.rank, task);
    if (from.local !== undefined) from.local.enqueueSend({ ...task, destination: to.local! });
    else this.#linkTo(from.rank).tell({ kind: "copy", stage: from.stage, toStage: to.stage, task });
  }

  #transfer(from: Place & { readonly name: string }, to: Place, message: StageMessage): void {
    const { id, waits, signal, source, bytes, destination, destinationOffset, receiveWaits = [], isHeld } = message;
    const event = signal === undefined ? {} : { signal };
    // Messages up and down between two stages have channels of their own, two numbers for each; so have their numbers at
    // the receiver.
    const down = to.stage > from.stage ? 0 : 1;
    const channel = 4 * from.stage + 2 * down;
    const way: ChannelWay = areReached(from.gpu, to.gpu) ? "nccl" : "host";
    const left = isHeld === true ? {} : event;
    const send: RankTransfer = { id, waits, ...left, offset: source, bytes, peer: to.rank, channel, way };
    const receive: RankTransfer = {
      id: 2 * id + down,
      waits: receiveWaits,
      ...event,
      ...(isHeld === true ? { listeners: [this.#listener(from.rank, signal!)] } : {}),
      offset: destinationOffset,
      bytes,
      peer: from.rank,
      channel,
      way,
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
    const channel = this.#channels.to(task.peer, task.channel, task.way);
    if (kind === "send") local.enqueueChannelSend({ ...task, channel });
    else local.enqueueReceive({ ...task, channel });
  }

  #linkTo(rank: number): RankLink {
    return this.#links[rank - 1]!;
  }
}
