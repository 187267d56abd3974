import { InvariantError } from "../../core/index.ts";

/**
 * The letters of everything that is planned, simulated or executed: `F` forward, `I` gradient of the input, `W`
 * gradients of the weights, `B` both at once, `U` the optimizer update of a mini-batch, `E` the evaluation of held-out
 * rows (PyTorch's letters; U and E are ours).
 */
export type ActionLetter = "F" | "B" | "U" | "E" | "I" | "W";

/** Those that a plan's stages run. */
export type PlannedLetter = Extract<ActionLetter, "F" | "B" | "U" | "E">;

/** A plan's letters in the order of their codes, which stand for them in columns of numbers. */
export const PLANNED_LETTERS = ["F", "B", "U", "E"] as const satisfies readonly PlannedLetter[];
/** All letters; the codes of a plan's are the same. */
export const ACTION_LETTERS = [...PLANNED_LETTERS, "I", "W"] as const satisfies readonly ActionLetter[];
export const FORWARD = 0;
export const BACKWARD = 1;
export const UPDATE = 2;
export const EVALUATION = 3;

/**
 * What an action does with a micro-batch, by which times, errors and messages are known: an evaluation is the forward of
 * a micro-batch that goes through no other pass.
 */
export type Pass = Exclude<PlannedLetter, "E">;
export const PASSES = ["F", "B", "U"] as const satisfies readonly Pass[];

export function passOf(letter: PlannedLetter): Pass {
  return letter === "E" ? "F" : letter;
}

/** The same by codes. */
export function passCode(letter: number): number {
  return letter === EVALUATION ? FORWARD : letter;
}

/** One unit of compute work on one stage. A `U` carries the mini-batch's last micro-batch. */
export interface Action<Letter extends ActionLetter = PlannedLetter> {
  readonly stage: number;
  readonly letter: Letter;
  readonly microBatch: number;
}

/** The text form that joins plan, simulated trace and executed trace: `2F5` is stage 2, forward, micro-batch 5. */
export type ActionKey = string;

export function formatAction(action: Action<ActionLetter>): ActionKey {
  return `${action.stage}${action.letter}${action.microBatch}`;
}

/** The number that the digits from `from` to `end` say. */
function digits(key: string, from: number, end: number): number {
  let value = 0;
  for (let at = from; at < end; at += 1) value = value * 10 + key.charCodeAt(at) - 48;
  return value;
}

/** Where a run of digits that begins at `from` ends. */
function endOfDigits(key: string, from: number): number {
  let at = from;
  for (let code = key.charCodeAt(at); code >= 48 && code <= 57; code = key.charCodeAt(at)) at += 1;
  return at;
}

/**
 * A key of one of these letters, taken apart. Plans have millions of them, hence no regular expression and no text in
 * between.
 */
function parseKey<Letter extends ActionLetter>(key: ActionKey, letters: readonly Letter[]): Action<Letter> {
  const at = endOfDigits(key, 0);
  const letter = letters.indexOf(key[at] as Letter);
  if (at === 0 || letter < 0 || at + 1 === key.length || endOfDigits(key, at + 1) !== key.length)
    throw new InvariantError({ expected: "an action such as 2F0", got: key });
  return { stage: digits(key, 0, at), letter: letters[letter]!, microBatch: digits(key, at + 1, key.length) };
}

/**
 * @throws InvariantError for a text that is not the key of a plan's action; documents are checked by their schema
 * first.
 */
export function parseAction(key: ActionKey): Action {
  return parseKey(key, PLANNED_LETTERS);
}

/** The action of a key of any letter, as traces have them. @throws InvariantError */
export function parseAnyAction(key: ActionKey): Action<ActionLetter> {
  return parseKey(key, ACTION_LETTERS);
}

/** The ordered actions of each stage, or of each device where one owns several stages. */
export type Orders<Letter extends ActionLetter = PlannedLetter> = readonly (readonly Action<Letter>[])[];
