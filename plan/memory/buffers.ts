import { type Action, type Orders, passOf } from "../actions/action.ts";
import { isSenderHeld } from "../actions/held-sender.ts";
import { peakInFlight } from "../actions/in-flight.ts";
import type { Messaging } from "../actions/message-bytes.ts";
import type { Timeline } from "../actions/timeline.ts";
import type { Buffers } from "../documents/setting.ts";

/** Two, so that one micro-batch can be written or read while the next one travels. */
const DOUBLE = 2;

/** When the actions of one letter end, in order; evaluations among forwards. */
function endsOf(order: readonly Action[], endNs: Float64Array, letter: "F" | "B"): readonly number[] {
  const ends: number[] = [];
  for (let i = 0; i < order.length; i += 1) if (passOf(order[i]!.letter) === letter) ends.push(endNs[i]!);
  return ends;
}

/** The most messages of one letter that were made by `from` and not yet used up by `to` at any time. */
function mostWaiting(
  from: readonly Action[],
  fromEnd: Float64Array,
  to: readonly Action[],
  toEnd: Float64Array,
  letter: "F" | "B",
): number {
  const made = endsOf(from, fromEnd, letter);
  const used = endsOf(to, toEnd, letter);
  let most = 0;
  let next = 0;
  for (let i = 0; i < made.length; i += 1) {
    while (next < used.length && used[next]! <= made[i]!) next += 1;
    most = Math.max(most, i + 1 - next);
  }
  return most;
}

/**
 * Buffers between the stages. Receiving buffers hold what a timeline without waiting for buffers needs, so the orders
 * are live with them, and since orders and channels are fixed and first in, first out, they are live at any speed of
 * devices and links (a marked graph's liveness does not depend on times). Over links that hold their senders gradients
 * have a buffer for each micro-batch in flight: so they never wait, and neither does for good what goes the other way.
 */
export function planBuffers(
  orders: Orders,
  timelines: readonly Timeline[],
  setting: Pick<Messaging, "links">,
): readonly Buffers[] {
  const last = orders.length - 1;
  const needed = (from: number, to: number, letter: "F" | "B"): number =>
    Math.max(
      DOUBLE,
      ...timelines.map(({ endNs }) => mostWaiting(orders[from]!, endNs[from]!, orders[to]!, endNs[to]!, letter)),
    );
  const inFlight = (stage: number): number =>
    isSenderHeld(setting, stage + 1, stage) ? peakInFlight(orders[stage]!) : 0;
  return orders.map((_, stage) => ({
    activationIn: stage > 0 ? needed(stage - 1, stage, "F") : 0,
    activationOut: stage < last ? DOUBLE : 0,
    gradientIn: stage < last ? Math.max(needed(stage + 1, stage, "B"), inFlight(stage)) : 0,
    gradientOut: stage > 0 ? DOUBLE : 0,
  }));
}
