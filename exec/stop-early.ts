import type { MiniBatch } from "../plan/index.ts";
import type { LoweredAction } from "./lowering.ts";

/** What is left of a plan once it is to end: mini-batches that have begun are finished, the others are never begun. */
export interface EarlyEnd {
  /** Whether an action is left out. */
  skips(action: LoweredAction): boolean;
  /** The action as it waits then: for what an action that is left out would have waited for, in its place. */
  without(action: LoweredAction): LoweredAction;
  /** Actions that the devices are yet to get. */
  readonly numActions: number;
}

/** `coming`: by stage, the actions that the devices do not have. */
export function endEarly(
  coming: readonly Iterable<LoweredAction>[],
  hasBegun: (miniBatch: MiniBatch) => boolean,
): EarlyEnd {
  const waits = new Map<number, readonly number[]>();
  const skips = ({ miniBatch }: LoweredAction): boolean => !hasBegun(miniBatch);
  let numActions = 0;
  for (const order of coming) {
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
