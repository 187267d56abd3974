import { median, type Nanos } from "../core/index.ts";
import type { Trace, TraceEvent } from "../traces/index.ts";

function keyOf({ stream, action }: TraceEvent): string {
  return `${stream} ${action}`;
}

/**
 * The first of several traces of one plan, each action and message with its median time in all of them: what interrupts single runs is left out.
 * Starts are still those of the first run; a replay moves them.
 */
export function medianActions(traces: readonly Trace[]): Trace {
  const times = new Map<string, number[]>();
  for (const event of traces.flatMap(({ events }) => events)) {
    const own = times.get(keyOf(event)) ?? [];
    own.push(event.durationNs);
    times.set(keyOf(event), own);
  }
  const [first] = traces;
  return {
    ...first!,
    events: first!.events.map((event) => ({
      ...event,
      durationNs: Math.round(median(times.get(keyOf(event))!)) as Nanos,
    })),
  };
}
