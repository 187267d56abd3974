import { PlanError } from "../../core/index.ts";
import { type Action, type ActionKey, formatAction, type Orders, type Pass, passOf } from "../actions/action.ts";
import type { DependencyTable } from "../actions/dependencies.ts";
import { gridText } from "../actions/grid.ts";
import { isSenderHeld } from "../actions/held-sender.ts";
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
function readerOf(orders: Orders, stage: number, pass: Pass, message: number): ActionKey | undefined {
  const readers = orders[stage]!.filter(({ letter }) => passOf(letter) === pass);
  const reader = readers[message];
  return reader === undefined ? undefined : formatAction(reader);
}

/**
 * Runs orders through within the planned buffers. With fixed orders, and channels that are first in, first out, what
 * can run at all does not depend on times (a marked graph's liveness), so none are needed, and each action is looked at
 * a few times at most. Neighbours have the same messages in the same order.
 * @throws PlanError with the grid, and what the first stage that cannot go on waits for
 */
export function checkRunsThrough(
  orders: Orders,
  dependencies: DependencyTable,
  setting: Pick<Setting, "buffers" | "links">,
): void {
  const { buffers } = setting;
  /** Actions of a pass that have ended, by stage. */
  const ended = { F: orders.map(() => 0), B: orders.map(() => 0), U: orders.map(() => 0) };
  /** Micro-batches whose backward has ended on their pipeline's first stage. */
  const signalled = new Uint8Array(dependencies.numMicroBatches);
  const position = orders.map(() => 0);

  const isAtHand = ({ stage, letter, microBatch }: Action): boolean => {
    const pass = passOf(letter);
    const sender = dependencies.senderOf(stage, letter);
    if (sender >= 0) return ended[pass][sender]! > ended[pass][stage]!;
    return dependencies.signalsOf(stage, letter, microBatch).every((signal) => signalled[signal] === 1);
  };
  const hasRoom = ({ stage, letter }: Action): boolean => {
    const pass = passOf(letter);
    const receiver = dependencies.receiverOf(stage, letter);
    return receiver < 0 || ended[pass][stage]! - ended[pass][receiver]! < roomBetween(buffers, stage, receiver);
  };

  /** By stage, where its messages go that hold it, and the incoming buffers there. */
  const holding = orders.map((_, stage) =>
    (["F", "B"] as const).flatMap((letter) => {
      const receiver = dependencies.receiverOf(stage, letter);
      if (receiver < 0 || !isSenderHeld(setting, stage, receiver)) return [];
      const { activationIn, gradientIn } = buffers[receiver]!;
      return [{ letter, receiver, room: letter === "F" ? activationIn : gradientIn }];
    }),
  );
  /** Whether a stage waits for what it has sent: its messages are more than the incoming buffers that they go to. */
  const isHeld = (stage: number): boolean =>
    holding[stage]!.some(({ letter, receiver, room }) => ended[letter][stage]! - ended[letter][receiver]! > room);

  for (let progress = true; progress; ) {
    progress = false;
    for (let stage = 0; stage < orders.length; stage += 1) {
      const order = orders[stage]!;
      for (let action = order[position[stage]!]; action !== undefined; action = order[position[stage]!]) {
        if (isHeld(stage) || !isAtHand(action) || !hasRoom(action)) break;
        ended[passOf(action.letter)][stage]! += 1;
        if (action.letter === "B" && stage === dependencies.firstStageOf(stage)) signalled[action.microBatch] = 1;
        position[stage]! += 1;
        progress = true;
      }
    }
  }

  const open = [...orders.keys()].filter((stage) => position[stage]! < orders[stage]!.length);
  if (open.length === 0) return;
  // One that waits for a buffer tells more than those that wait for what it would send.
  const stuck = open.find((stage) => isAtHand(orders[stage]![position[stage]!]!)) ?? open[0]!;
  const action = orders[stuck]![position[stuck]!]!;
  const grid = gridText(orders, { stage: stuck, position: position[stuck]! });
  const held = open.find(isHeld);
  if (held !== undefined)
    throw new PlanError({
      expected: `an incoming buffer for what stage ${held} sent before ${formatAction(orders[held]![position[held]!]!)}`,
      got: "orders that wait for each other",
      detail: grid,
    });
  if (!isAtHand(action)) {
    const missing = dependencies.dependenciesOf(action).map((dependency) => dependency.action);
    throw new PlanError({
      expected: `${missing.join(" and ")} to be able to run before ${formatAction(action)} on stage ${stuck}`,
      got: "orders that wait for each other",
      detail: grid,
    });
  }
  const receiver = dependencies.receiverOf(stuck, action.letter);
  const room = roomBetween(buffers, stuck, receiver);
  const pass = passOf(action.letter);
  const reader = room === 0 ? undefined : readerOf(orders, receiver, pass, ended[pass][stuck]! - room);
  throw new PlanError({
    expected: `buffers for the message of ${formatAction(action)} from stage ${stuck} to stage ${receiver}${reader === undefined ? "" : `, or ${reader} before it`}`,
    got: `${room} in all, and orders that wait for each other`,
    detail: grid,
  });
}
