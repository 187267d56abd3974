import { nanos } from "../../core/index.ts";
import { type CostModel, createCostModel } from "../../plan/index.ts";
import type { Trace } from "../../traces/index.ts";

/** F 1 s and B 2 s a token, U `update` seconds; links as their figures say. */
export function secondsPerToken(update = 0): CostModel {
  const seconds = { F: 1, B: 2, transfer: 0, update };
  const constant = createCostModel(
    { kind: "calibration", version: 1, model: "constant", seconds, perTokens: 1 },
    "float32",
  );
  return {
    ...constant,
    linkCost: (link) => ({ latencySeconds: link.latencySeconds, bytesPerSecond: link.bandwidthBytesPerSecond }),
  };
}

export const SECOND = nanos(1e9);

/** "F0@0 F1@1": a stream's events with their starts, or "F0@0-2" with their ends, in seconds. */
export function timeline(
  trace: Trace,
  device: number,
  stream: "receive" | "compute" | "send",
  withEnds = false,
): string {
  return trace.events
    .filter((event) => event.device === device && event.stream === stream)
    .map(({ letter, microBatch, startNs, durationNs }) => {
      const end = withEnds ? `-${(startNs + durationNs) / SECOND}` : "";
      return `${letter}${microBatch}@${startNs / SECOND}${end}`;
    })
    .join(" ");
}

export function makespanSeconds(trace: Trace): number {
  return Math.max(...trace.events.map((event) => event.startNs + event.durationNs)) / SECOND;
}
