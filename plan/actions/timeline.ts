import { PlanError } from "../../core/index.ts";
import { BACKWARD, formatAction, PASSES, PLANNED_LETTERS, passCode, UPDATE } from "./action.ts";
import type { DependencyTable } from "./dependencies.ts";
import { gridText } from "./grid.ts";
import { actionOf, letterOf, microBatchOf, type StageOrders } from "./order.ts";

export interface TimelineCosts {
  /** The letter as its code. */
  durationNs(stage: number, letter: number, microBatch: number): number;
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
export function timelineOf(orders: StageOrders, dependencies: DependencyTable, costs: TimelineCosts): Timeline {
  const { numStages, numMicroBatches } = dependencies;
  const startNs = orders.map((order) => new Float64Array(order.length));
  const endNs = orders.map((order) => new Float64Array(order.length));
  // By pass; nothing waits for an update.
  const ends = [0, 1].map(() => new Float64Array(numStages * numMicroBatches).fill(OPEN));
  const position = orders.map(() => 0);
  const free = orders.map(() => 0);
  const senders = orders.map((_, stage) => PASSES.map((pass) => dependencies.senderOf(stage, pass)));
  let makespanNs = 0;

  /** The end of the last signal that an action waits for; OPEN where one has not ended. */
  const signalled = (stage: number, letter: number, microBatch: number): number => {
    let latest = 0;
    for (const signal of dependencies.signalsOf(stage, PLANNED_LETTERS[letter]!, microBatch)) {
      const end = ends[BACKWARD]![dependencies.signallingStage(signal) * numMicroBatches + signal]!;
      if (end === OPEN) return OPEN;
      latest = Math.max(latest, end + (letter === UPDATE ? (costs.signalNs?.(stage) ?? 0) : 0));
    }
    return latest;
  };

  /** Runs a stage as far as it can. */
  const advance = (stage: number): void => {
    const order = orders[stage]!;
    const [starts, stops] = [startNs[stage]!, endNs[stage]!];
    let at = position[stage]!;
    let now = free[stage]!;
    for (; at < order.length; at += 1) {
      const letter = letterOf(order[at]!);
      const microBatch = microBatchOf(order[at]!);
      const pass = passCode(letter);
      const sender = senders[stage]![pass]!;
      let possible: number;
      if (sender < 0) possible = signalled(stage, letter, microBatch);
      else {
        possible = ends[pass]![sender * numMicroBatches + microBatch]!;
        if (possible !== OPEN) possible += costs.transferNs(Math.min(sender, stage), microBatch);
      }
      if (possible === OPEN) break;
      starts[at] = Math.max(now, possible);
      now = starts[at]! + costs.durationNs(stage, letter, microBatch);
      stops[at] = now;
      if (letter !== UPDATE) ends[pass]![stage * numMicroBatches + microBatch] = now;
    }
    position[stage] = at;
    free[stage] = now;
    makespanNs = Math.max(makespanNs, now);
  };

  // Forwards go down the stages and backwards up: so does every other round.
  for (let left = -1, next = 0; next !== left; ) {
    left = next;
    for (let stage = 0; stage < orders.length; stage += 1) advance(stage);
    for (let stage = orders.length - 1; stage >= 0; stage -= 1) advance(stage);
    next = position.reduce((sum, at) => sum + at, 0);
  }
  const stuck = orders.findIndex((order, stage) => position[stage]! < order.length);
  if (stuck >= 0) {
    const action = actionOf(stuck, orders[stuck]![position[stuck]!]!);
    const missing = dependencies.dependenciesOf(action).map((dependency) => dependency.action);
    throw new PlanError({
      expected: `${missing.join(" and ")} to be able to run before ${formatAction(action)} on stage ${stuck}`,
      got: "orders that wait for each other",
      detail: gridText(orders, { stage: stuck, position: position[stuck]! }),
    });
  }
  return { startNs, endNs, makespanNs };
}
