import { InvariantError } from "../core/index.ts";

/** `F` forward, `B` input and weight gradients together, `U` the optimizer update of a mini-batch (PyTorch's letters; U is ours). */
export type ActionLetter = "F" | "B" | "U";

/** One unit of compute work on one stage. A `U` carries the mini-batch's last micro-batch. */
export interface Action {
  readonly stage: number;
  readonly letter: ActionLetter;
  readonly microBatch: number;
}

/** The text form that joins plan, simulated trace and executed trace: `2F5` is stage 2, forward, micro-batch 5. */
export type ActionKey = string;

export function formatAction(action: Action): ActionKey {
  return `${action.stage}${action.letter}${action.microBatch}`;
}

const ACTION = /^(\d+)([FBU])(\d+)$/;

/** @throws InvariantError for a text that is not an action key; documents are checked by their schema first. */
export function parseAction(key: ActionKey): Action {
  const match = ACTION.exec(key);
  if (match === null) throw new InvariantError({ expected: "an action such as 2F0", got: key });
  return { stage: Number(match[1]), letter: match[2] as ActionLetter, microBatch: Number(match[3]) };
}
