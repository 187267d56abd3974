import { DeviceError } from "../core/index.ts";
import { coreOfName } from "./device-names.ts";
import type { ResolvedDevice } from "./documents/cluster.ts";

/** The machine of a cluster where the command runs. The devices of all others are only planned and simulated. */
export const THIS_MACHINE = "local";

const HINT =
  "`loratwin devices` lists those of this machine. To plan for another one, write a cluster file with a machine that is not called local.";

/**
 * The cores of each device of this machine, numbered as `loratwin devices` lists them; none for devices that are no
 * CPUs. A device of one thread has the core of its name. Those of several threads, or of other names, take what is
 * left, in order. No core is given twice.
 * @throws DeviceError when a core is not there, or there are too few.
 */
export function assignCores(
  devices: readonly Pick<ResolvedDevice, "name" | "kind" | "threads">[],
  numCores: number,
): readonly (readonly number[])[] {
  const wanted = devices.reduce((sum, { kind, threads }) => sum + (kind === "cpu" ? threads : 0), 0);
  const named = devices.map(({ name, kind, threads }) => {
    const index = kind === "cpu" ? coreOfName(name) : undefined;
    if (index === undefined) return undefined;
    if (index >= numCores)
      throw new DeviceError({
        expected:
          numCores === 1
            ? "cpu:0, the one core of this machine"
            : `a core of this machine, cpu:0 to cpu:${numCores - 1}`,
        got: name,
        hint: HINT,
      });
    return threads === 1 ? index : undefined;
  });
  const free = Array.from({ length: numCores }, (_, core) => core).filter((core) => !named.includes(core));
  let next = 0;
  return devices.map(({ name, kind, threads }, device) => {
    if (kind !== "cpu") return [];
    const own = named[device];
    if (own !== undefined) return [own];
    const cores = free.slice(next, next + threads);
    next += threads;
    if (cores.length < threads)
      throw new DeviceError({
        expected: `a core for each thread (${wanted})`,
        at: name,
        got: `${numCores} cores`,
        hint: `Use fewer devices or fewer threads a device. ${HINT}`,
      });
    return cores;
  });
}
