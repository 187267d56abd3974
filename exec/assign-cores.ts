import { DeviceError } from "../core/index.ts";
import type { ResolvedDevice } from "../plan/index.ts";

/** The CPU ids that each device's threads are pinned to: consecutive, none shared. @throws DeviceError when there are too few. */
export function assignCores(
  devices: readonly ResolvedDevice[],
  cores: readonly number[],
): readonly (readonly number[])[] {
  let next = 0;
  return devices.map((device) => {
    if (device.kind !== "cpu") {
      throw new DeviceError({
        expected: "a CPU device",
        at: device.name,
        got: device.type,
        hint: "This build executes on cpu:0, cpu:1, ...; other devices can be simulated.",
      });
    }
    const own = cores.slice(next, next + device.threads);
    next += device.threads;
    if (own.length < device.threads) {
      throw new DeviceError({
        expected: `a core for each thread (${devices.reduce((sum, { threads }) => sum + threads, 0)})`,
        at: device.name,
        got: `${cores.length} cores`,
        hint: "Use fewer devices or fewer threads a device.",
      });
    }
    return own;
  });
}
