import { DeviceError } from "../core/index.ts";
import { checkCount, guarded } from "./checks.ts";
import { createDevice, type Device, type DeviceOptions } from "./device.ts";
import { loadNative } from "./load.ts";
import type { RawFailure } from "./raw-addon.ts";
import type { Completion } from "./tasks.ts";

/** Devices that share events, norm cells and one clock. */
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
  /** Called with what finished since the last call, in order within each stream. */
  onComplete(callback: (completions: readonly Completion[]) => void): void;
  /** Called once when an operator failed; all streams have stopped and pending tasks are dropped. */
  onError(callback: (error: DeviceError) => void): void;
  /** Resolves when all queues are empty and reported; rejects with the error that stopped the runtime. */
  idle(): Promise<void>;
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
  let failed: DeviceError | undefined;
  let disposed = false;
  let notifyComplete: (completions: readonly Completion[]) => void = () => {};
  let notifyError: (error: DeviceError) => void = () => {};

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
  const drain = (): void => {
    if (disposed) return;
    const batch = addon.drain(raw);
    for (const done of batch.completions) {
      const count = pending.get(done.device);
      if (count !== undefined) pending.set(done.device, count - 1);
    }
    try {
      if (batch.completions.length > 0) notifyComplete(batch.completions);
      if (batch.failure !== undefined) {
        failed = failureError(batch.failure);
        notifyError(failed);
      }
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
      const device = createDevice(addon, raw, options, {
        enqueued() {
          if (failed !== undefined) throw failed;
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
