import { type Setting, withRoomForMargins } from "../../plan/index.ts";
import type { FleetSetting } from "../../sim/index.ts";

/** How much of a device jobs are thought to take: as planned, or as learned from what jobs are seen to take. */
export const SIZES = ["planned", "learned"] as const;
export type Sizes = (typeof SIZES)[number];

/** From what sizes are learned: the planned ones are the start, and nobody says how wrong they may be. */
export function learnedBy(sizes: Sizes = "planned"): Pick<FleetSetting, "learned"> {
  return sizes === "learned" ? { learned: {} } : {};
}

/** A fleet's setting with the room that its sizes ask for. */
export function roomBy(setting: Setting, sizes: Sizes = "planned"): Setting {
  return sizes === "learned" ? withRoomForMargins(setting) : setting;
}
