import type { TraceEvent } from "../traces/index.ts";

/** The computations of a run, and what each device did before. */
export interface ComputeOrder {
  readonly byAction: ReadonlyMap<string, TraceEvent>;
  /** By action, the action before it on its device; none for a device's first. */
  readonly before: ReadonlyMap<string, TraceEvent>;
}

export function endNs({ startNs, durationNs }: TraceEvent): number {
  return startNs + durationNs;
}

export function computeOrder(events: readonly TraceEvent[]): ComputeOrder {
  const compute = events.filter(({ stream }) => stream === "compute").sort((a, b) => a.startNs - b.startNs);
  const before = new Map<string, TraceEvent>();
  const last = new Map<number, TraceEvent>();
  for (const event of compute) {
    const previous = last.get(event.device);
    if (previous !== undefined) before.set(event.action, previous);
    last.set(event.device, event);
  }
  return { byAction: new Map(compute.map((event) => [event.action, event])), before };
}
