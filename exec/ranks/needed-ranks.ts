import { machinesOf } from "../../plan/index.ts";

/** The ranks that a plan's machines need, in the words of an error. */
export function neededRanks(setting: Parameters<typeof machinesOf>[0]): string {
  const machines = machinesOf(setting);
  const ranks = machines.length === 1 ? "1 rank" : `${machines.length} ranks`;
  return `${ranks}, one for each machine of the plan (${machines.join(", ")})`;
}
