import type { Setting } from "../documents/setting.ts";
import { roomForAdapters } from "../growth/adapter-shares.ts";

/**
 * What is kept for jobs beside their predicted sizes, by the room for adapters: three margins, which are a thousandth
 * each where the fit is exact and the job like those that were measured, and more for others.
 */
const SHARE = 0.01;

/**
 * A fleet's setting with room for the margins of sizes that are learned: those that fit by their planned sizes alone
 * are not to be kept apart by them. No more than a device has.
 */
export function withRoomForMargins(setting: Setting): Setting {
  const memory = setting.memory.map((own, stage) => {
    const { memoryBytes } = setting.devices[setting.stages[stage]!.device]!;
    const free = (memoryBytes ?? Number.POSITIVE_INFINITY) - own.total - (own.graphs ?? 0);
    const more = Math.max(0, Math.floor(Math.min(SHARE * roomForAdapters(setting, stage), free)));
    return { ...own, adapters: own.adapters + more, total: own.total + more };
  });
  return { ...setting, memory };
}
