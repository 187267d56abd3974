import { PlanError } from "../core/index.ts";
import { type Action, formatAction } from "./action.ts";
import type { DependencyTable } from "./dependencies.ts";
import { gridText } from "./grid.ts";
import type { Orders } from "./schedules/schedule-input.ts";

export interface TimelineCosts {
  durationNs(action: Action): number;
  /** From the start of a message to its arrival; 0 where nothing travels. */
  transferNs(boundary: number, microBatch: number): number;
}

/** Start and end of each action, by stage and position in its order. */
export interface Timeline {
  readonly startNs: readonly Float64Array[];
  readonly endNs: readonly Float64Array[];
  readonly makespanNs: number;
}

/**
 * Times of fixed orders with unlimited buffers and links that never queue: the earliest starts.
 * @throws PlanError with the grid when the orders wait for each other in a circle or for an action that is in none of them.
 */
export function timelineOf(orders: Orders, dependencies: DependencyTable, costs: TimelineCosts): Timeline {
  const startNs = orders.map((order) => new Float64Array(order.length));
  const endNs = orders.map((order) => new Float64Array(order.length));
  const ended = new Map<string, number>();
  const position = orders.map(() => 0);
  const free = orders.map(() => 0);
  let makespanNs = 0;
  for (let progress = true; progress; ) {
    progress = false;
    for (let stage = 0; stage < orders.length; stage += 1) {
      const order = orders[stage]!;
      for (let action = order[position[stage]!]; action !== undefined; action = order[position[stage]!]) {
        let start = free[stage]!;
        let blocked = false;
        for (const dependency of dependencies.dependenciesOf(action)) {
          const end = ended.get(dependency.action);
          if (end === undefined) {
            blocked = true;
            break;
          }
          const boundary = dependency.message === "activation" ? stage - 1 : stage;
          start = Math.max(
            start,
            end + (dependency.message === "none" ? 0 : costs.transferNs(boundary, action.microBatch)),
          );
        }
        if (blocked) break;
        const end = start + costs.durationNs(action);
        startNs[stage]![position[stage]!] = start;
        endNs[stage]![position[stage]!] = end;
        ended.set(formatAction(action), end);
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
    const missing = dependencies.dependenciesOf(action).filter((dependency) => !ended.has(dependency.action));
    throw new PlanError({
      expected: `${missing.map((dependency) => dependency.action).join(" and ")} to be able to run before ${formatAction(action)} on stage ${stuck}`,
      got: "orders that wait for each other",
      detail: gridText(orders, { stage: stuck, position: position[stuck]! }),
    });
  }
  return { startNs, endNs, makespanNs };
}
