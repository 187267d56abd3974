import { dependencyTable, type MiniBatch, type Plan } from "../plan/index.ts";
import type { LoweredAction, LoweredPlan } from "./lower-plan.ts";

/** What is left of a plan once it is to end: mini-batches that have begun are finished, the others are never begun. */
export interface EarlyEnd {
  /** Whether an action is left out. */
  skips(action: LoweredAction): boolean;
  /** The action as it waits then: for what an action that is left out would have waited for, in its place. */
  without(action: LoweredAction): LoweredAction;
  /** Actions that the run has in all. */
  readonly numActions: number;
}

/** `enqueued`: how many of each stage's actions the devices already have. */
export function endEarly(plan: Plan, lowered: LoweredPlan, enqueued: readonly number[]): EarlyEnd {
  const table = dependencyTable(plan);
  const begun = new Set<MiniBatch>();
  const waits = new Map<number, readonly number[]>();
  lowered.stages.forEach((order, stage) => {
    order.forEach((action, position) => {
      if (position < enqueued[stage]!) begun.add(table.miniBatchOf(action.action.microBatch));
    });
  });
  const skips = ({ action }: LoweredAction): boolean => !begun.has(table.miniBatchOf(action.microBatch));
  let numActions = 0;
  for (const order of lowered.stages) {
    for (const action of order) {
      if (!skips(action)) numActions += 1;
      else {
        waits.set(action.event, action.waits);
        if (action.send !== undefined) waits.set(action.send.event, action.send.waits);
      }
    }
  }
  const known = new Map<number, readonly number[]>();
  /** The events that are there in place of one. Orders are acyclic, so this ends. */
  const inPlaceOf = (event: number): readonly number[] => {
    const left = waits.get(event);
    if (left === undefined) return [event];
    const found = known.get(event) ?? [...new Set(left.flatMap(inPlaceOf))];
    known.set(event, found);
    return found;
  };
  const waitsOf = (events: readonly number[]): readonly number[] => [...new Set(events.flatMap(inPlaceOf))];
  return {
    skips,
    numActions,
    without: (action) => ({
      ...action,
      waits: waitsOf(action.waits),
      send: action.send === undefined ? undefined : { ...action.send, waits: waitsOf(action.send.waits) },
    }),
  };
}
