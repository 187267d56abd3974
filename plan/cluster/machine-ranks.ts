import type { ResolvedDevice } from "../documents/cluster.ts";
import type { Setting } from "../documents/setting.ts";

type Placed = Pick<Setting, "stages" | "devices">;

interface OnMachines {
  readonly devices: readonly Pick<ResolvedDevice, "machine">[];
}

/**
 * The machines of a setting or a cluster, in the order in which its devices name them: machine m is rank m, the process
 * that runs the machine's stages. One where there is one machine.
 */
export function machinesOf({ devices }: OnMachines): readonly string[] {
  return [...new Set(devices.map(({ machine }) => machine))];
}

/** By stage: the rank that runs it. */
export function stageRanks(setting: Placed): readonly number[] {
  const machines = machinesOf(setting);
  return setting.stages.map(({ device }) => machines.indexOf(setting.devices[device]!.machine));
}
