import { median, type Nanos } from "../core/index.ts";
import type { Trace } from "../traces/index.ts";
import { computeEvents } from "../traces/totals.ts";

/** The first of several traces of one plan, each action with its median time in all of them: what single runs add to a time is left out. */
export function medianActions(traces: readonly Trace[]): Trace {
  const times = new Map<string, number[]>();
  for (const { action, durationNs } of traces.flatMap(computeEvents)) {
    const own = times.get(action) ?? [];
    own.push(durationNs);
    times.set(action, own);
  }
  const [first] = traces;
  return {
    ...first!,
    events: first!.events.map((event) =>
      event.stream === "compute"
        ? { ...event, durationNs: Math.round(median(times.get(event.action)!)) as Nanos }
        : event,
    ),
  };
}
