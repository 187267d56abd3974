import {
  type ActionKey,
  type ActionLetter,
  type DependencyTable,
  dependencyTable,
  formatAction,
  type PlanBody,
  parseAction,
} from "../plan/index.ts";

/** A stage's compute order in columns: what the simulator reads for each action. */
export interface StageOrder {
  readonly keys: readonly ActionKey[];
  readonly letters: readonly ActionLetter[];
  readonly microBatches: Int32Array;
  /** Signals to wait for, as `actionIndex` numbers; messages are the channels' business. */
  readonly signals: readonly (readonly number[])[];
}

const LETTERS: readonly ActionLetter[] = ["F", "B", "U"];
const NO_SIGNALS: readonly number[] = [];

/** Numbers (stage, letter, micro-batch) densely, for arrays with a cell for each possible action. */
export function actionIndex(stage: number, letter: ActionLetter, microBatch: number, numMicroBatches: number): number {
  return (stage * 3 + LETTERS.indexOf(letter)) * numMicroBatches + microBatch;
}

/** The action that `actionIndex` numbers so. */
export function keyOfIndex(index: number, numMicroBatches: number): ActionKey {
  const row = Math.floor(index / numMicroBatches);
  return formatAction({ stage: Math.floor(row / 3), letter: LETTERS[row % 3]!, microBatch: index % numMicroBatches });
}

function stageOrder(keys: readonly ActionKey[], dependencies: DependencyTable, numMicroBatches: number): StageOrder {
  const letters: ActionLetter[] = [];
  const microBatches = new Int32Array(keys.length);
  const signals: (readonly number[])[] = [];
  keys.forEach((key, position) => {
    const action = parseAction(key);
    letters.push(action.letter);
    microBatches[position] = action.microBatch;
    let waited = NO_SIGNALS;
    for (const dependency of dependencies.dependenciesOf(action)) {
      if (dependency.message !== "none") continue;
      const { stage, letter, microBatch } = parseAction(dependency.action);
      waited = [...waited, actionIndex(stage, letter, microBatch, numMicroBatches)];
    }
    signals.push(waited);
  });
  return { keys, letters, microBatches, signals };
}

export function stageOrders(plan: PlanBody): readonly StageOrder[] {
  const dependencies = dependencyTable(plan);
  return plan.actions.map((keys) => stageOrder(keys, dependencies, plan.microBatches.length));
}

/** The most micro-batches whose forward has started and whose backward has not ended, by the order alone. */
export function peakInFlight(letters: readonly ActionLetter[]): number {
  let inFlight = 0;
  let peak = 0;
  for (const letter of letters) {
    if (letter === "F") inFlight += 1;
    if (letter === "B") inFlight -= 1;
    peak = Math.max(peak, inFlight);
  }
  return peak;
}
