import { existsSync } from "node:fs";
import { DeviceError } from "../core/index.ts";
import { checkCount, guarded } from "./checks.ts";
import { buildFile, loadNative } from "./load.ts";
import type { ChannelWay, RawChannel, RawWorld } from "./raw-addon.ts";

export type { ChannelWay };

declare const kind: unique symbol;
/** A one-way, in-order channel between a device of this rank and one of another. */
export interface Channel {
  readonly [kind]: "channel";
}

/** What the clock of rank 0 showed when this rank's showed `ownNs`: `offsetNs` more, within half of `roundTripNs`. */
export interface ClockReading {
  readonly ownNs: number;
  readonly offsetNs: number;
  readonly roundTripNs: number;
}

/** The ranks of a run, as one of them sees them. Messages from one rank to another arrive in their order. */
export interface World {
  readonly rank: number;
  readonly size: number;
  /** What carries the messages, for people. */
  readonly name: string;
  /** @throws DeviceError for no other rank */
  post(to: number, message: Uint8Array): void;
  onMessage(callback: (from: number, message: Uint8Array) => void): void;
  onReading(callback: (reading: ClockReading) => void): void;
  /** No rank can be reached any more, for the reason that is given: the process should end, without `finish`. */
  onFailure(callback: (reason: string) => void): void;
  /**
   * To or from a rank; the same number, from 0, and the same way on both sides. One of NCCL takes the number and the next
   * one, and is between two GPUs. @throws DeviceError without NCCL
   */
  channel(peer: number, number: number, way: ChannelWay): Channel;
  /** Compares this rank's clock with that of rank 0. */
  readClock(): void;
  /** Resolves when every rank has called it: nothing may be sent any more. Keeps the process alive until then. */
  finish(): Promise<void>;
  /** Nobody is told of anything any more. */
  close(): void;
}

const rawWorlds = new WeakMap<World, RawWorld>();

/** As the addon holds it. */
export function rawWorld(world: World): RawWorld {
  const raw = rawWorlds.get(world);
  if (raw === undefined) throw new DeviceError({ expected: "a rank of this addon", at: "world" });
  return raw;
}

/** As the addon holds it; what is none is told by the addon. */
export function rawChannel(channel: Channel): RawChannel {
  return channel as unknown as RawChannel;
}

/** A rank whose addon's side is made with the function that it calls when there is something to drain. */
function createWorld(make: (notify: () => void) => RawWorld): World {
  const addon = loadNative();
  let onMessage: (from: number, message: Uint8Array) => void = () => {};
  let onReading: (reading: ClockReading) => void = () => {};
  let onFailure: (reason: string) => void = () => {};
  let isFinished = (): void => {};
  let isClosed = false;
  const drain = (): void => {
    if (isClosed) return;
    const batch = addon.drainWorld(raw);
    for (const { from, message } of batch.received) onMessage(from, message);
    for (let i = 0; i < batch.readings.length; i += 3) {
      const [ownNs, offsetNs, roundTripNs] = batch.readings.slice(i, i + 3) as unknown as [number, number, number];
      onReading({ ownNs, offsetNs, roundTripNs });
    }
    if (batch.failure !== "") onFailure(batch.failure);
    if (batch.isFinished) isFinished();
  };
  const raw = guarded(() => make(drain));
  const world: World = {
    ...addon.worldInfo(raw),
    post: (to, message) => guarded(() => addon.postMessage(raw, to, message)),
    onMessage(callback) {
      onMessage = callback;
    },
    onReading(callback) {
      onReading = callback;
    },
    onFailure(callback) {
      onFailure = callback;
    },
    channel: (peer, number, way) =>
      guarded(() => addon.createChannel(raw, peer, checkCount(number, "channel"), way)) as unknown as Channel,
    readClock: () => guarded(() => addon.readClock(raw)),
    finish() {
      const finished = new Promise<void>((resolve) => {
        isFinished = resolve;
      });
      addon.finishWorld(raw);
      return finished;
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      addon.closeWorld(raw);
    },
  };
  rawWorlds.set(world, raw);
  return world;
}

/** Ranks that are all in this process. */
export function createLocalWorlds(count: number): readonly World[] {
  const addon = loadNative();
  const notify: (() => void)[] = Array.from({ length: count }, () => () => {});
  const raw = guarded(() => addon.createLocalWorlds(notify.map((_, rank) => () => notify[rank]!())));
  return raw.map((each, rank) =>
    createWorld((drain) => {
      notify[rank] = drain;
      return each;
    }),
  );
}

function readyForMpi(): void {
  // UCX, which Open MPI brings, tests its hooks with sbrk when it is loaded, and now and then cuts off the heap's last page
  // when V8's code lies right behind it.
  process.env["UCX_MEM_EVENTS"] ??= "no";
  process.env["UCX_HANDLE_ERRORS"] ??= "none";
}

/** The MPI that ranks are built with, such as "Open MPI v5.0.7", which is not started; undefined where there is none. */
export function mpiName(): string | undefined {
  const library = buildFile("loratwin_mpi.so");
  if (!existsSync(library)) return undefined;
  readyForMpi();
  return guarded(() => loadNative().mpiName(library));
}

/**
 * This process's rank of those that MPI has launched. `silenceSeconds`: how long another rank may not be heard of; more
 * than the largest message takes. @throws DeviceError where the addon was built without MPI, or MPI cannot be started
 */
export function joinMpi(silenceSeconds: number): World {
  readyForMpi();
  const library = buildFile("loratwin_mpi.so");
  if (!existsSync(library))
    throw new DeviceError({
      expected: "ranks over MPI",
      at: library,
      got: "an addon that was built without it",
      hint: "Install MPI (apt install openmpi-bin libopenmpi-dev) and build again with `npm run build`.",
    });
  const addon = loadNative();
  try {
    return createWorld((notify) =>
      addon.joinMpi(library, checkCount(Math.round(silenceSeconds * 1e9), "silenceSeconds", 1), notify),
    );
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    throw new DeviceError({ expected: "MPI to start", got: (error as Error).message }, { cause: error });
  }
}
