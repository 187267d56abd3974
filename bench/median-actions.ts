import { groupBy, median, type Nanos } from "../core/index.ts";
import type { Trace, TraceEvent } from "../traces/index.ts";

function keyOf({ stream, action }: TraceEvent): string {
  return `${stream} ${action}`;
}

/**
 * The first of several traces of one plan, each action and message with its median time in all of them: what interrupts
 * single runs is left out. Starts are still those of the first run; a replay moves them.
 */
export function medianActions(traces: readonly Trace[]): Trace {
  const all = groupBy(
    traces.flatMap(({ events }) => events),
    keyOf,
  );
  const [first] = traces;
  return {
    ...first!,
    events: first!.events.map((event) => ({
      ...event,
      durationNs: Math.round(median(all.get(keyOf(event))!.map(({ durationNs }) => durationNs))) as Nanos,
    })),
  };
}
