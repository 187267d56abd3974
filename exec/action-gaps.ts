import { formatAction, parseAction } from "../plan/index.ts";
import type { TraceEvent } from "../traces/index.ts";

/** The end of the action on another stage whose message an action waits for; null where there is none. */
function inputEndNs(event: TraceEvent, byAction: ReadonlyMap<string, TraceEvent>): number | null {
  const { stage, letter, microBatch } = parseAction(event.action);
  if (letter === "U") return null;
  const producer = byAction.get(formatAction({ stage: stage + (letter === "F" ? -1 : 1), letter, microBatch }));
  return producer === undefined ? null : producer.startNs + producer.durationNs;
}

/**
 * Seconds from the end of an action to the start of the next on its device, for actions that waited for nothing else: their message left before
 * the previous action began.
 */
export function actionGaps(events: readonly TraceEvent[]): readonly number[] {
  const compute = events.filter(({ stream }) => stream === "compute").sort((a, b) => a.startNs - b.startNs);
  const byAction = new Map(compute.map((event) => [event.action as string, event]));
  const previous = new Map<number, TraceEvent>();
  const gaps: number[] = [];
  for (const event of compute) {
    const before = previous.get(event.device);
    previous.set(event.device, event);
    if (before === undefined) continue;
    const inputNs = inputEndNs(event, byAction);
    if (inputNs === null || inputNs <= before.startNs)
      gaps.push((event.startNs - before.startNs - before.durationNs) / 1e9);
  }
  return gaps;
}
