import { DeviceError } from "../../core/index.ts";
import type { ResolvedDevice } from "../documents/cluster.ts";
import { coreOfName } from "./device-names.ts";

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

/** "cpu:0 to cpu:3 and cpu:7" */
export function coreNames(cores: readonly number[]): string {
  const runs: [first: number, last: number][] = [];
  for (const core of [...cores].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.[1] === core - 1) run[1] = core;
    else runs.push([core, core]);
  }
  const texts = runs.flatMap(([first, last]) =>
    last - first < 2 ? [...new Set([first, last])].map((core) => `cpu:${core}`) : [`cpu:${first} to cpu:${last}`],
  );
  return texts.length < 2 ? texts.join() : `${texts.slice(0, -1).join(", ")} and ${texts.at(-1)}`;
}

/**
 * Which cores of this machine its devices leave idle, in words; undefined where they leave none, or none of them is a CPU.
 * @throws DeviceError as `assignCores` does
 */
export function idleCoresText(
  devices: readonly Pick<ResolvedDevice, "name" | "kind" | "threads" | "machine">[],
  numCores: () => number,
): string | undefined {
  const own = devices.filter(({ kind, machine }) => kind === "cpu" && machine === THIS_MACHINE);
  if (own.length === 0) return undefined;
  const all = numCores();
  const used = assignCores(own, all).flat();
  const idle = Array.from({ length: all }, (_, core) => core).filter((core) => !used.includes(core));
  if (idle.length === 0) return undefined;
  const [is, idles] = [used.length, idle.length].map((count) => count === 1);
  return (
    `${used.length} of this machine's ${all} cores ${is ? "is" : "are"} used, ${coreNames(used)}; ` +
    `${coreNames(idle)} ${idles ? "idles" : "idle"}. A CPU device is one thread unless it says more`
  );
}
