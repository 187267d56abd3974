import {
  type ActionKey,
  BACKWARD,
  FORWARD,
  letterOf,
  microBatchOf,
  PASSES,
  PLANNED_LETTERS,
  type PlannedLetter,
  parseOrder,
  passCode,
} from "../../plan/index.ts";

/** What an action waits for beside its message: nothing, one micro-batch's backward, or a list of them. */
export const NO_SIGNAL = -1;

/** A piece of a stage's compute order in columns: what the simulator reads for each action. */
export interface StageOrder {
  readonly keys: readonly ActionKey[];
  /** Codes of the letters. */
  readonly letters: Uint8Array;
  readonly microBatches: Int32Array;
  /**
   * The micro-batch whose backward on its pipeline's first stage each action waits for; -1 for none, and below that the
   * place of a list, -2 the first. Messages are the channels' business.
   */
  readonly signals: Int32Array;
  readonly signalLists: readonly (readonly number[])[];
  /** How many forwards, with evaluations, and backwards there are, by code. */
  readonly counts: readonly [number, number];
}

/**
 * Numbers (stage, letter code, micro-batch) densely, for tables with a cell for each possible action: an evaluation has
 * the place of its micro-batch's forward, as nothing has both.
 */
export function actionIndex(stage: number, letter: number, microBatch: number, numMicroBatches: number): number {
  return (stage * PASSES.length + passCode(letter)) * numMicroBatches + microBatch;
}

export type SignalsOf = (stage: number, letter: PlannedLetter, microBatch: number) => readonly number[];

/** The keys of a stage as columns. `signalsOf`: what its actions wait for. */
export function stageOrder(stage: number, keys: readonly ActionKey[], signalsOf: SignalsOf): StageOrder {
  const order = parseOrder(keys, stage);
  const letters = new Uint8Array(keys.length);
  const microBatches = new Int32Array(keys.length);
  const signals = new Int32Array(keys.length);
  const signalLists: (readonly number[])[] = [];
  const counts: [number, number] = [0, 0];
  for (let position = 0; position < keys.length; position += 1) {
    const code = letterOf(order[position]!);
    const microBatch = microBatchOf(order[position]!);
    letters[position] = code;
    microBatches[position] = microBatch;
    const wanted = signalsOf(stage, PLANNED_LETTERS[code]!, microBatch);
    if (wanted.length === 0) signals[position] = NO_SIGNAL;
    else if (wanted.length === 1) signals[position] = wanted[0]!;
    else signals[position] = NO_SIGNAL - signalLists.push(wanted);
    const pass = passCode(code);
    if (pass === FORWARD || pass === BACKWARD) counts[pass] += 1;
  }
  return { keys, letters, microBatches, signals, signalLists, counts };
}
