import { DeviceError } from "../core/index.ts";
import type { DeviceOptions } from "../native/index.ts";
import type { ResolvedDevice } from "../plan/index.ts";

/** `cuda:1`, or `cuda:1#2` for one of several devices that share a GPU. */
const CUDA_NAME = /^cuda:(?<index>\d+)(?:#\d+)?$/;

function cudaOptions({ name, type }: ResolvedDevice): DeviceOptions {
  const index = CUDA_NAME.exec(name)?.groups?.["index"];
  if (index === undefined) {
    throw new DeviceError({
      expected: "a GPU named cuda:0, cuda:1, ... to train on",
      at: name,
      got: type,
      hint: "Other devices can be planned and simulated.",
    });
  }
  return { kind: "cuda", name, index: Number(index) };
}

/**
 * What each of a plan's devices is on this machine: consecutive cores, none shared, or the GPU that its name says.
 * @throws DeviceError when there are too few cores, or for a device that only a simulator knows.
 */
export function assignDevices(devices: readonly ResolvedDevice[], cores: readonly number[]): readonly DeviceOptions[] {
  const wanted = devices.reduce((sum, { kind, threads }) => sum + (kind === "cpu" ? threads : 0), 0);
  let next = 0;
  return devices.map((device) => {
    const { name, kind, threads, type } = device;
    if (kind === "cuda") return cudaOptions(device);
    if (kind === "abstract") {
      throw new DeviceError({
        expected: "a CPU or CUDA device",
        at: name,
        got: type,
        hint: "cpu:0, cpu:1, ... and cuda:0, ... execute; other devices can be simulated.",
      });
    }
    const own = cores.slice(next, next + threads);
    next += threads;
    if (own.length < threads) {
      throw new DeviceError({
        expected: `a core for each thread (${wanted})`,
        at: name,
        got: `${cores.length} cores`,
        hint: "Use fewer devices or fewer threads a device.",
      });
    }
    return { name, cores: own };
  });
}
