import {
  type ActionKey,
  BACKWARD,
  type DependencyTable,
  dependencyTable,
  FORWARD,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
} from "../../plan/index.ts";

/** A stage's compute order in columns: what the simulator reads for each action. */
export interface StageOrder {
  readonly keys: readonly ActionKey[];
  /** Codes of the letters. */
  readonly letters: Uint8Array;
  readonly microBatches: Int32Array;
  /**
   * The micro-batches whose backwards on its pipeline's first stage each action waits for. Messages are the channels'
   * business.
   */
  readonly signals: readonly (readonly number[])[];
  /** How many forwards and backwards there are, by code. */
  readonly counts: readonly [number, number];
}

/** Numbers (stage, letter code, micro-batch) densely, for tables with a cell for each possible action. */
export function actionIndex(stage: number, letter: number, microBatch: number, numMicroBatches: number): number {
  return (stage * PLANNED_LETTERS.length + letter) * numMicroBatches + microBatch;
}

function stageOrder(keys: readonly ActionKey[], dependencies: DependencyTable): StageOrder {
  const letters = new Uint8Array(keys.length);
  const microBatches = new Int32Array(keys.length);
  const signals: (readonly number[])[] = [];
  const counts: [number, number] = [0, 0];
  for (let position = 0; position < keys.length; position += 1) {
    const { stage, letter, microBatch } = parseAction(keys[position]!);
    const code = PLANNED_LETTERS.indexOf(letter);
    letters[position] = code;
    microBatches[position] = microBatch;
    signals[position] = dependencies.signalsOf(stage, letter, microBatch);
    if (code === FORWARD || code === BACKWARD) counts[code] += 1;
  }
  return { keys, letters, microBatches, signals, counts };
}

export function stageOrders(plan: PlanBody): readonly StageOrder[] {
  const dependencies = dependencyTable(plan);
  return plan.actions.map((keys) => stageOrder(keys, dependencies));
}
