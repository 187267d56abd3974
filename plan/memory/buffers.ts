import { BACKWARD, FORWARD, passCode } from "../actions/action.ts";
import { isSenderHeld } from "../actions/held-sender.ts";
import { peakInFlight } from "../actions/in-flight.ts";
import type { Messaging } from "../actions/message-bytes.ts";
import { letterOf, type Order, type StageOrders } from "../actions/order.ts";
import type { Timeline } from "../actions/timeline.ts";
import type { Buffers } from "../documents/setting.ts";

/** Two, so that one micro-batch can be written or read while the next one travels. */
const DOUBLE = 2;

/**
 * The most messages of a pass that were made by `from` and not yet used up by `to` at any time; evaluations are among
 * forwards. `pass` as its code.
 */
function mostWaiting(from: Order, fromEnd: Float64Array, to: Order, toEnd: Float64Array, pass: number): number {
  let most = 0;
  let waiting = 0;
  let next = 0;
  for (let at = 0; at < from.length; at += 1) {
    if (passCode(letterOf(from[at]!)) !== pass) continue;
    waiting += 1;
    for (; next < to.length && toEnd[next]! <= fromEnd[at]!; next += 1)
      if (passCode(letterOf(to[next]!)) === pass) waiting -= 1;
    most = Math.max(most, waiting);
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
  orders: StageOrders,
  timelines: readonly Timeline[],
  setting: Pick<Messaging, "links">,
): readonly Buffers[] {
  const last = orders.length - 1;
  const needed = (from: number, to: number, pass: number): number =>
    Math.max(
      DOUBLE,
      ...timelines.map(({ endNs }) => mostWaiting(orders[from]!, endNs[from]!, orders[to]!, endNs[to]!, pass)),
    );
  const inFlight = (stage: number): number =>
    isSenderHeld(setting, stage + 1, stage) ? peakInFlight(orders[stage]!) : 0;
  return orders.map((_, stage) => ({
    activationIn: stage > 0 ? needed(stage - 1, stage, FORWARD) : 0,
    activationOut: stage < last ? DOUBLE : 0,
    gradientIn: stage < last ? Math.max(needed(stage + 1, stage, BACKWARD), inFlight(stage)) : 0,
    gradientOut: stage > 0 ? DOUBLE : 0,
  }));
}
