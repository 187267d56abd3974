import { DeviceError } from "../core/index.ts";
import { checkCount, guarded } from "./checks.ts";
import { createDevice, type Device, type DeviceOptions } from "./device.ts";
import { loadNative } from "./load.ts";
import type { RawFailure } from "./raw-addon.ts";
import type { Completion } from "./tasks.ts";
import { rawWorld, type World } from "./world.ts";

/** Devices that share events, norm cells and one clock, in one domain of failures or several. */
export interface Runtime extends Disposable {
  /** @throws DeviceError on a core that this process may not use, a GPU that is not there, or a name that is taken. */
  createDevice(options: DeviceOptions): Device;
  /** New one-shot events; the first one's number, the others follow. */
  createEvents(count: number): number;
  /**
   * Makes events new again that have been signalled and that no pending task waits for. @throws DeviceError for one that
   * has not
   */
  renewEvents(events: readonly number[]): void;
  /** New norm cells, 0 each; the first one's number, the others follow. */
  createNormCells(count: number): number;
  /** Signals an event from JavaScript. */
  signal(event: number): void;
  /** Nanoseconds since the runtime was made, on the clock of the completions. */
  nowNs(): number;
  /** What the clock of a rank's readings showed when that was 0. */
  readonly originNs: number;
  /** Tasks' listeners are ranks of this world, and what tasks there tell is heard here. */
  join(world: World): void;
  /** Called with what finished since the last call, in order within each stream. */
  onComplete(callback: (completions: readonly Completion[]) => void): void;
  /** Called once a domain when a task failed; all its streams have stopped and its pending tasks are dropped. */
  onError(callback: (error: DeviceError, domain: number) => void): void;
  /**
   * Resolves when all queues are empty and reported, but for those of domains that have failed; rejects with the error
   * of the last one when all have.
   */
  idle(): Promise<void>;
  /**
   * Instead of its disposal where a thread never ends: nothing is waited for, nothing given back, and nothing may be
   * asked of it or its devices any more. The process should end.
   */
  abandon(): void;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: DeviceError) => void;
}

function failureError(failure: RawFailure): DeviceError {
  return new DeviceError({
    expected: `task ${failure.id} on device ${failure.device} to finish`,
    got: failure.operator,
    detail: failure.message,
  });
}

/** @throws DeviceError when the addon does not load. */
export function createRuntime(): Runtime {
  const addon = loadNative();
  const pending = new Map<string, number>();
  let waiters: Waiter[] = [];
  /** By device, its domain; and by domain, what has stopped it. */
  const domains = new Map<string, number>();
  const failures = new Map<number, DeviceError>();
  let failed: DeviceError | undefined;
  let disposed = false;
  let notifyComplete: (completions: readonly Completion[]) => void = () => {};
  let notifyError: (error: DeviceError, domain: number) => void = () => {};

  const total = (): number => [...pending.values()].reduce((sum, count) => sum + count, 0);
  const settle = (): void => {
    if (failed === undefined && total() > 0) return;
    addon.keepAlive(raw, false);
    const settled = waiters;
    waiters = [];
    for (const waiter of settled) {
      if (failed === undefined) waiter.resolve();
      else waiter.reject(failed);
    }
  };
  const fail = (error: DeviceError, domain: number): void => {
    failures.set(domain, error);
    for (const [device, own] of domains) if (own === domain) pending.delete(device);
    if ([...domains.values()].every((own) => failures.has(own))) failed = error;
    notifyError(error, domain);
  };
  const drain = (): void => {
    if (disposed) return;
    const batch = addon.drain(raw);
    for (const done of batch.completions) {
      const count = pending.get(done.device);
      if (count !== undefined) pending.set(done.device, count - 1);
    }
    try {
      if (batch.completions.length > 0) notifyComplete(batch.completions);
      for (const failure of batch.failures) fail(failureError(failure), domains.get(failure.device) ?? 0);
    } finally {
      settle();
    }
  };
  const raw = addon.createRuntime(drain);
  addon.keepAlive(raw, false);
  const devices = new Set<Device>();

  return {
    createDevice(options) {
      if ([...devices].some((other) => other.name === options.name)) {
        throw new DeviceError({ expected: "a name of its own", at: "createDevice.name", got: options.name });
      }
      const { domain = 0 } = options;
      domains.set(options.name, domain);
      const device = createDevice(addon, raw, options, {
        enqueued() {
          const error = failures.get(domain);
          if (error !== undefined) throw error;
          if (total() === 0) addon.keepAlive(raw, true);
          pending.set(options.name, (pending.get(options.name) ?? 0) + 1);
        },
        dropped() {
          pending.set(options.name, (pending.get(options.name) ?? 1) - 1);
          if (total() === 0) addon.keepAlive(raw, false);
        },
        disposed() {
          devices.delete(device);
          pending.delete(options.name);
          domains.delete(options.name);
          if (!disposed) settle();
        },
      });
      devices.add(device);
      return device;
    },
    createEvents: (count) => guarded(() => addon.createEvents(raw, checkCount(count, "createEvents(count)"))),
    renewEvents: (events) => guarded(() => addon.renewEvents(raw, events)),
    createNormCells: (count) => guarded(() => addon.createNormCells(raw, checkCount(count, "createNormCells(count)"))),
    signal: (event) => guarded(() => addon.signal(raw, checkCount(event, "signal(event)"))),
    nowNs: () => addon.nowNs(raw),
    originNs: addon.originNs(raw),
    join: (world) => guarded(() => addon.attachRuntime(rawWorld(world), raw)),
    onComplete(callback) {
      notifyComplete = callback;
    },
    onError(callback) {
      notifyError = callback;
    },
    idle() {
      if (failed !== undefined) return Promise.reject(failed);
      if (total() === 0) return Promise.resolve();
      return new Promise((resolve, reject) => waiters.push({ resolve, reject }));
    },
    abandon() {
      if (disposed) return;
      addon.keepAlive(raw, false);
      disposed = true;
      addon.abandonRuntime(raw);
    },
    [Symbol.dispose]() {
      if (disposed) return;
      disposed = true;
      const unfinished = total() > 0;
      addon.disposeRuntime(raw);
      for (const device of [...devices]) device[Symbol.dispose]();
      const stopped = new DeviceError({ expected: "the runtime to become idle", got: "disposal" });
      const settled = waiters;
      waiters = [];
      for (const waiter of settled) {
        if (unfinished) waiter.reject(failed ?? stopped);
        else waiter.resolve();
      }
    },
  };
}
