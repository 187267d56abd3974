import type { ActionLetter } from "./action.ts";

/**
 * The most that is held at any time along an order of a device's actions: a forward takes its share, and the action
 * that needs it last gives it back, which is the W where the gradients are apart; an evaluation has it for itself. A
 * property of the order alone, whatever the times are.
 */
export function peakHeld<Held extends { readonly letter: ActionLetter }>(
  order: Iterable<Held>,
  held: (action: Held) => number,
  lastUse: "B" | "W" = "B",
): number {
  let now = 0;
  let peak = 0;
  for (const action of order) {
    if (action.letter === "F") now += held(action);
    else if (action.letter === lastUse) now -= held(action);
    peak = Math.max(peak, action.letter === "E" ? now + held(action) : now);
  }
  return peak;
}

/** The most micro-batches between forward and backward, or in their evaluation. */
export function peakInFlight(order: Iterable<{ readonly letter: ActionLetter }>): number {
  return peakHeld(order, () => 1);
}
