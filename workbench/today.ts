import { faultAt } from "../files/index.ts";

/** Today's date as documents hold it: `2026-11-25`, in UTC. */
export function today(): string {
  return timeNow().slice(0, 10);
}

/** The time in UTC as journals have it: `2026-11-25T08:00:00.000Z`. Nothing is decided by it. */
export function timeNow(): string {
  return new Date(Date.now() + 1e3 * Number(faultAt("clock") ?? 0)).toISOString();
}
