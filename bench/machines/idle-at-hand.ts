import { lowerPlan } from "../../exec/lowering.ts";
import { formatAction, type Plan } from "../../plan/index.ts";
import type { Trace } from "../../traces/index.ts";

/**
 * Seconds for which devices of an executed plan, all together, stood idle although all was there that their next action
 * waits for: its message, room for its own, the devices' turn. What sending and receiving take of a device's time beside
 * computing is in it, and nothing of what a schedule waits for.
 */
export function idleAtHandSeconds(plan: Plan, executed: Trace): number {
  const ended = new Map<string, number>();
  // Of a message its arrival counts.
  for (const { stream, action, startNs, durationNs } of executed.events)
    if (stream !== "send") ended.set(`${stream} ${action}`, startNs + durationNs);
  const orders = lowerPlan(plan);
  const endOfEvent = new Map<number, number>();
  for (const order of orders)
    for (const { event, send, action } of order) {
      const key = formatAction(action);
      endOfEvent.set(event, ended.get(`compute ${key}`)!);
      if (send !== undefined) endOfEvent.set(send.event, ended.get(`receive ${key}`)!);
    }
  const started = new Map(
    executed.events.flatMap(({ stream, action, startNs }) => (stream === "compute" ? [[action, startNs]] : [])),
  );
  let idleNs = 0;
  for (const order of orders) {
    let before: number | undefined;
    for (const { action, event, waits } of order) {
      const startNs = started.get(formatAction(action))!;
      const ready = Math.max(...waits.map((wait) => endOfEvent.get(wait)!), before ?? Number.NEGATIVE_INFINITY);
      if (before !== undefined) idleNs += Math.max(0, startNs - ready);
      before = endOfEvent.get(event)!;
    }
  }
  return idleNs / 1e9;
}
