import { PlanError } from "../../core/index.ts";
import {
  type Action,
  type ActionKey,
  formatAction,
  PLANNED_LETTERS,
  type PlannedLetter,
  parseAction,
} from "./action.ts";

/**
 * The ordered actions of a stage, each as a number, since a plan has millions of them: the code of its letter in the
 * lowest bits, above them its micro-batch.
 */
export type Order = Int32Array;

/** By stage. */
export type StageOrders = readonly Order[];

const LETTER_BITS = 2;
const LETTER = 2 ** LETTER_BITS - 1;

/** `letter` as its code. */
export function coded(letter: number, microBatch: number): number {
  return (microBatch << LETTER_BITS) | letter;
}

/** The code of the letter. */
export function letterOf(action: number): number {
  return action & LETTER;
}

export function microBatchOf(action: number): number {
  return action >> LETTER_BITS;
}

export function actionOf(stage: number, action: number): Action {
  return { stage, letter: PLANNED_LETTERS[letterOf(action)]!, microBatch: microBatchOf(action) };
}

/** The actions of an order, one by one. */
export function actionsOf(stage: number, order: Order): Action[] {
  return Array.from(order, (action) => actionOf(stage, action));
}

export function orderOf(actions: readonly { readonly letter: PlannedLetter; readonly microBatch: number }[]): Order {
  return Int32Array.from(actions, ({ letter, microBatch }) => coded(PLANNED_LETTERS.indexOf(letter), microBatch));
}

/** The order of a stage as a plan has it. @throws PlanError for an action of another stage */
export function parseOrder(keys: readonly ActionKey[], stage: number): Order {
  const order = new Int32Array(keys.length);
  for (let at = 0; at < keys.length; at += 1) {
    const { stage: own, letter, microBatch } = parseAction(keys[at]!);
    if (own !== stage)
      throw new PlanError({ expected: `actions of stage ${stage}`, at: `actions[${stage}]`, got: keys[at] });
    order[at] = coded(PLANNED_LETTERS.indexOf(letter), microBatch);
  }
  return order;
}

export function orderKeys(stage: number, order: Order): ActionKey[] {
  return Array.from(order, (action) => formatAction(actionOf(stage, action)));
}

/** An order that grows at its end. */
export class GrowingOrder {
  #actions = new Int32Array(0);
  #length = 0;

  add(action: number): void {
    if (this.#length === this.#actions.length) {
      const longer = new Int32Array(Math.max(16, 2 * this.#length));
      longer.set(this.#actions);
      this.#actions = longer;
    }
    this.#actions[this.#length] = action;
    this.#length += 1;
  }

  /** What has come since the last time. */
  take(): Order {
    const taken = this.#actions.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}
