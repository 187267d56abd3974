import type { Mode } from "./summary.ts";

/** Names of `count` devices: on a GPU they share the first one, in the emulation each is one of its own. */
export function virtualDevices(mode: Mode, count: number): string {
  if (count === 1) return "cuda:0";
  return Array.from({ length: count }, (_, i) => (mode === "gpu" ? `cuda:0#${i}` : `cuda:${i}`)).join();
}
