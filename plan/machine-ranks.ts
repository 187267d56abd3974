import type { Setting } from "./documents/setting.ts";

type Placed = Pick<Setting, "stages" | "devices">;

/**
 * The machines of a setting, in the order in which its devices name them: machine m is rank m, the process that runs the
 * machine's stages. One where a setting has one machine.
 */
export function machinesOf({ devices }: Pick<Setting, "devices">): readonly string[] {
  return [...new Set(devices.map(({ machine }) => machine))];
}

/** By stage: the rank that runs it. */
export function stageRanks(setting: Placed): readonly number[] {
  const machines = machinesOf(setting);
  return setting.stages.map(({ device }) => machines.indexOf(setting.devices[device]!.machine));
}
