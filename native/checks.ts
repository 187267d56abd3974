// Checks at the door of the addon. All throw DeviceError: what comes in here is made by our own code or a plan, not
// typed by a user.
import { DeviceError } from "../core/index.ts";
import type { RawErrorFields } from "./raw-addon.ts";

/** @throws DeviceError unless `value` is a whole number of at least `least`. */
export function checkCount(value: number, at: string, least = 0): number {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new DeviceError({ expected: `a whole number of at least ${least}`, at, got: value });
  }
  return value;
}

/** @throws DeviceError unless `data` has exactly `length` elements. */
export function checkLength(data: { readonly length: number }, length: number, at: string): void {
  if (data.length !== length) throw new DeviceError({ expected: `${length} elements`, at, got: data.length });
}

/** @throws DeviceError unless `value` is a finite number. */
export function checkFinite(value: number, at: string): number {
  if (!Number.isFinite(value)) throw new DeviceError({ expected: "a finite number", at, got: value });
  return value;
}

/** What the addon throws, as a DeviceError; all else as it is. */
function asDeviceError(error: unknown): unknown {
  const { expected, at, got } = error as Error & RawErrorFields;
  if (expected === undefined) return error;
  const facts = { expected, ...(at === undefined ? {} : { at }), ...(got === undefined ? {} : { got }) };
  return new DeviceError(facts, { cause: error });
}

/** Calls into the addon and turns what it throws into a DeviceError. */
export function guarded<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw asDeviceError(error);
  }
}

/** The same for what ends later. */
export async function guardedPromise<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw asDeviceError(error);
  }
}
