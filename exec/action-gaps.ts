import { dependencyTable, type PlanBody, parseAction } from "../plan/index.ts";
import type { TraceEvent } from "../traces/index.ts";
import { computeOrder, endNs } from "./compute-order.ts";

/**
 * Seconds from the end of an action to the start of the next on its device, for actions that waited for no other
 * device: what they need from there was done before the previous action began.
 */
export function actionGaps(plan: PlanBody, events: readonly TraceEvent[]): readonly number[] {
  const dependencies = dependencyTable(plan);
  const { byAction, before } = computeOrder(events);
  return [...byAction.values()].flatMap((event) => {
    const previous = before.get(event.action);
    if (previous === undefined) return [];
    const others = dependencies
      .dependenciesOf(parseAction(event.action))
      .map(({ action }) => byAction.get(action)!)
      .filter(({ device }) => device !== event.device);
    const waited = others.some((other) => endNs(other) > previous.startNs);
    return waited ? [] : [(event.startNs - endNs(previous) - (event.delayedNs ?? 0)) / 1e9];
  });
}
