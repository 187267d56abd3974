import { PlanError } from "../../core/index.ts";
import {
  type ActionKey,
  BACKWARD,
  FORWARD,
  formatAction,
  PASSES,
  PLANNED_LETTERS,
  passCode,
  UPDATE,
} from "../actions/action.ts";
import type { DependencyTable } from "../actions/dependencies.ts";
import { gridText } from "../actions/grid.ts";
import { isSenderHeld } from "../actions/held-sender.ts";
import { actionOf, letterOf, microBatchOf, type StageOrders } from "../actions/order.ts";
import type { Buffers, Setting } from "../documents/setting.ts";

/**
 * Messages of a pass from a stage to a neighbour that may be made and not used up: an outgoing buffer is held until the
 * message has arrived, an incoming one until the action that reads it has ended.
 */
function roomBetween(buffers: readonly Buffers[], from: number, to: number): number {
  const [out, into] =
    to > from
      ? [buffers[from]!.activationOut, buffers[to]!.activationIn]
      : [buffers[from]!.gradientOut, buffers[to]!.gradientIn];
  return out === 0 || into === 0 ? 0 : out + into;
}

/** The action of a stage that reads its message number `message` of a pass. */
function readerOf(orders: StageOrders, stage: number, pass: number, message: number): ActionKey | undefined {
  const reader = orders[stage]!.filter((action) => passCode(letterOf(action)) === pass)[message];
  return reader === undefined ? undefined : formatAction(actionOf(stage, reader));
}

/**
 * Runs orders through within the planned buffers. With fixed orders, and channels that are first in, first out, what
 * can run at all does not depend on times (a marked graph's liveness), so none are needed, and each action is looked at
 * a few times at most. Neighbours have the same messages in the same order.
 * @throws PlanError with the grid, and what the first stage that cannot go on waits for
 */
export function checkRunsThrough(
  orders: StageOrders,
  dependencies: DependencyTable,
  setting: Pick<Setting, "buffers" | "links">,
): void {
  const { buffers } = setting;
  /** Actions of a pass that have ended, by stage. */
  const ended = PASSES.map(() => new Int32Array(orders.length));
  /** Micro-batches whose backward has ended on their pipeline's first stage. */
  const signalled = new Uint8Array(dependencies.numMicroBatches);
  const position = orders.map(() => 0);
  const senders = orders.map((_, stage) => PASSES.map((pass) => dependencies.senderOf(stage, pass)));
  const receivers = orders.map((_, stage) => PASSES.map((pass) => dependencies.receiverOf(stage, pass)));
  const rooms = receivers.map((own, stage) => own.map((to) => (to < 0 ? 0 : roomBetween(buffers, stage, to))));

  const isAtHand = (stage: number, action: number): boolean => {
    const letter = letterOf(action);
    const pass = passCode(letter);
    const sender = senders[stage]![pass]!;
    if (sender >= 0) return ended[pass]![sender]! > ended[pass]![stage]!;
    for (const signal of dependencies.signalsOf(stage, PLANNED_LETTERS[letter]!, microBatchOf(action)))
      if (signalled[signal] === 0) return false;
    return true;
  };
  const hasRoom = (stage: number, pass: number): boolean => {
    const receiver = receivers[stage]![pass]!;
    return receiver < 0 || ended[pass]![stage]! - ended[pass]![receiver]! < rooms[stage]![pass]!;
  };

  /** By stage, where its messages go that hold it, and the incoming buffers there. */
  const holding = orders.map((_, stage) =>
    [FORWARD, BACKWARD].flatMap((pass) => {
      const receiver = receivers[stage]![pass]!;
      if (receiver < 0 || !isSenderHeld(setting, stage, receiver)) return [];
      const { activationIn, gradientIn } = buffers[receiver]!;
      return [{ pass, receiver, room: pass === FORWARD ? activationIn : gradientIn }];
    }),
  );
  /** Whether a stage waits for what it has sent: its messages are more than the incoming buffers that they go to. */
  const isHeld = (stage: number): boolean =>
    holding[stage]!.some(({ pass, receiver, room }) => ended[pass]![stage]! - ended[pass]![receiver]! > room);

  for (let progress = true; progress; ) {
    progress = false;
    for (let stage = 0; stage < orders.length; stage += 1) {
      const order = orders[stage]!;
      const isFirst = stage === dependencies.firstStageOf(stage);
      for (let at = position[stage]!; at < order.length; at += 1) {
        const action = order[at]!;
        const pass = passCode(letterOf(action));
        if (isHeld(stage) || !isAtHand(stage, action) || (pass !== UPDATE && !hasRoom(stage, pass))) break;
        ended[pass]![stage]! += 1;
        if (isFirst && pass === BACKWARD) signalled[microBatchOf(action)] = 1;
        position[stage] = at + 1;
        progress = true;
      }
    }
  }

  const open = [...orders.keys()].filter((stage) => position[stage]! < orders[stage]!.length);
  if (open.length === 0) return;
  // One that waits for a buffer tells more than those that wait for what it would send.
  const stuck = open.find((stage) => isAtHand(stage, orders[stage]![position[stage]!]!)) ?? open[0]!;
  const action = actionOf(stuck, orders[stuck]![position[stuck]!]!);
  const grid = gridText(orders, { stage: stuck, position: position[stuck]! });
  const held = open.find(isHeld);
  if (held !== undefined)
    throw new PlanError({
      expected: `an incoming buffer for what stage ${held} sent before ${formatAction(actionOf(held, orders[held]![position[held]!]!))}`,
      got: "orders that wait for each other",
      detail: grid,
    });
  if (!isAtHand(stuck, orders[stuck]![position[stuck]!]!)) {
    const missing = dependencies.dependenciesOf(action).map((dependency) => dependency.action);
    throw new PlanError({
      expected: `${missing.join(" and ")} to be able to run before ${formatAction(action)} on stage ${stuck}`,
      got: "orders that wait for each other",
      detail: grid,
    });
  }
  const pass = passCode(PLANNED_LETTERS.indexOf(action.letter));
  const receiver = receivers[stuck]![pass]!;
  const room = rooms[stuck]![pass]!;
  const reader = room === 0 ? undefined : readerOf(orders, receiver, pass, ended[pass]![stuck]! - room);
  throw new PlanError({
    expected: `buffers for the message of ${formatAction(action)} from stage ${stuck} to stage ${receiver}${reader === undefined ? "" : `, or ${reader} before it`}`,
    got: `${room} in all, and orders that wait for each other`,
    detail: grid,
  });
}
