import type { StoppedRun } from "../resume/stopped-run.ts";

/**
 * What each interruption of a fleet has cost, in nanoseconds, by its journal: the time until its devices were ready
 * again, and where there was no checkpoint at its end, what came behind the last one. Ends that a person asked for are
 * none. `nowMs`: the time of day, at which it goes on once more.
 */
export function interruptionCosts({ events, lines }: Pick<StoppedRun, "events" | "lines">, nowMs: number): number[] {
  const costs: number[] = [];
  // Of the attempt that is looked at; times of the fleet's clock.
  let ready: { readonly ms: number; readonly atNs: number } | undefined;
  let endMs = 0;
  let checkpointNs = 0;
  let isAsked = false;
  const goOn = (ms: number, clockNs: number): void => {
    if (ready === undefined) return;
    const ranNs = Math.max(0, clockNs - ready.atNs);
    const downMs = Math.max(0, ms - Math.max(endMs, ready.ms + ranNs / 1e6));
    const againNs = Math.max(0, clockNs - Math.max(checkpointNs, ready.atNs));
    if (!isAsked) costs.push(Math.round(1e6 * downMs + againNs));
  };
  for (const line of events) {
    const ms = Date.parse(line.time);
    if (line.event === "ready") {
      const atNs = line.atNs ?? 0;
      goOn(ms, atNs);
      ready = { ms, atNs };
      checkpointNs = atNs;
      isAsked = false;
    } else if (line.event === "checkpoint") checkpointNs = line.atNs ?? checkpointNs;
    else if (line.event === "asked to end") isAsked = true;
    if (line.event !== "started" && line.event !== "resumed") endMs = ms;
  }
  goOn(nowMs, Math.max(checkpointNs, lines.at(-1)?.atNs ?? 0));
  return costs;
}
