import type { CapacityObjective } from "../plan/index.ts";
import { type LevelGroup, tightness } from "./level.ts";
import type { Cost } from "./money.ts";

/** Differences that are none: a cent, a hundredth of a kilowatt-hour, a ten-thousandth of a level's hours. */
export const GRAIN: Readonly<Record<CapacityObjective, number>> = { cost: 0.01, energy: 0.01, time: 1e-4 };

/** What candidates are the first by, of a draw: less is better, and never more than of one with less work. */
export function objectiveValue(
  objective: CapacityObjective,
  { cost, hours }: { readonly cost: Cost; readonly hours: readonly number[] },
  groups: readonly LevelGroup[],
): number {
  switch (objective) {
    case "cost":
      return cost.total;
    case "energy":
      return cost.kilowattHours;
    case "time":
      return tightness(groups, hours);
  }
}
