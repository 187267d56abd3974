import { PlanError } from "../../core/index.ts";
import { type Action, formatAction, type Orders, passOf } from "./action.ts";
import type { DependencyTable } from "./dependencies.ts";
import { gridText } from "./grid.ts";

export interface TimelineCosts {
  durationNs(action: Action): number;
  /** From the start of a message to its arrival; 0 where nothing travels. */
  transferNs(boundary: number, microBatch: number): number;
  /** From the end of a clipping mini-batch's last backward until a stage has the gradient norms; none where absent. */
  signalNs?(stage: number): number;
}

/** Start and end of each action, by stage and position in its order. */
export interface Timeline {
  readonly startNs: readonly Float64Array[];
  readonly endNs: readonly Float64Array[];
  readonly makespanNs: number;
}

/** No end yet. */
const OPEN = -1;

/**
 * Times of fixed orders with unlimited buffers and links that never queue: the earliest starts.
 * @throws PlanError with the grid when the orders wait for each other in a circle or for an action that is in none of
 * them.
 */
export function timelineOf(orders: Orders, dependencies: DependencyTable, costs: TimelineCosts): Timeline {
  const { numStages, numMicroBatches } = dependencies;
  const startNs = orders.map((order) => new Float64Array(order.length));
  const endNs = orders.map((order) => new Float64Array(order.length));
  const newEnds = (): Float64Array => new Float64Array(numStages * numMicroBatches).fill(OPEN);
  // Nothing waits for an update.
  const ends = { F: newEnds(), B: newEnds(), U: undefined };
  const position = orders.map(() => 0);
  const free = orders.map(() => 0);
  let makespanNs = 0;

  /** The earliest start on a free stage; OPEN where something that it needs has not ended. */
  const earliest = ({ stage, letter, microBatch }: Action): number => {
    const from = dependencies.senderOf(stage, letter);
    if (from >= 0) {
      const end = ends[passOf(letter) as "F" | "B"][from * numMicroBatches + microBatch]!;
      return end === OPEN ? OPEN : end + costs.transferNs(Math.min(from, stage), microBatch);
    }
    let latest = 0;
    for (const signal of dependencies.signalsOf(stage, letter, microBatch)) {
      const end = ends.B[dependencies.signallingStage(signal) * numMicroBatches + signal]!;
      if (end === OPEN) return OPEN;
      latest = Math.max(latest, end + (letter === "U" ? (costs.signalNs?.(stage) ?? 0) : 0));
    }
    return latest;
  };

  for (let progress = true; progress; ) {
    progress = false;
    for (let stage = 0; stage < orders.length; stage += 1) {
      const order = orders[stage]!;
      for (let action = order[position[stage]!]; action !== undefined; action = order[position[stage]!]) {
        const possible = earliest(action);
        if (possible === OPEN) break;
        const start = Math.max(free[stage]!, possible);
        const end = start + costs.durationNs(action);
        startNs[stage]![position[stage]!] = start;
        endNs[stage]![position[stage]!] = end;
        const column = ends[passOf(action.letter)];
        if (column !== undefined) column[stage * numMicroBatches + action.microBatch] = end;
        free[stage] = end;
        makespanNs = Math.max(makespanNs, end);
        position[stage]! += 1;
        progress = true;
      }
    }
  }
  const stuck = orders.findIndex((order, stage) => position[stage]! < order.length);
  if (stuck >= 0) {
    const action = orders[stuck]![position[stuck]!]!;
    const missing = dependencies.dependenciesOf(action).map((dependency) => dependency.action);
    throw new PlanError({
      expected: `${missing.join(" and ")} to be able to run before ${formatAction(action)} on stage ${stuck}`,
      got: "orders that wait for each other",
      detail: gridText(orders, { stage: stuck, position: position[stuck]! }),
    });
  }
  return { startNs, endNs, makespanNs };
}
