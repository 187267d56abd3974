import { lostTime, type MachineMove } from "../calibration/index.ts";
import { createRng, type Rng } from "../core/index.ts";
import {
  type Action,
  type ActionDurations,
  PASSES,
  PLANNED_LETTERS,
  type PlanBody,
  parseAction,
} from "../plan/index.ts";
import { actionIndex } from "./run/stage-orders.ts";

/** A plan's actions, stage by stage: the order in which `movedTimes` draws. */
export function actionsOf(plan: Pick<PlanBody, "actions">): readonly Action[] {
  return plan.actions.flatMap((keys) => keys.map(parseAction));
}

/** Random numbers of how the machine runs in a draw: what else is drawn is the same with and without. */
export function machineRng(draw: string): Rng {
  return createRng(`machine ${draw}`);
}

/**
 * Times of actions on a machine that runs in one of the ways that it may: faster or slower, and less or more often
 * without a core.
 */
export function movedTimes(
  times: ActionDurations,
  plan: Pick<PlanBody, "stages" | "microBatches">,
  actions: readonly Action[],
  moveOf: (rng: Rng) => MachineMove,
  draw: string,
): ActionDurations {
  const rng = machineRng(draw);
  const move = moveOf(rng);
  const numMicroBatches = plan.microBatches.length;
  const moved = new Float64Array(plan.stages.length * PASSES.length * numMicroBatches);
  for (const { stage, letter, microBatch } of actions) {
    const code = PLANNED_LETTERS.indexOf(letter);
    const own = move.own * times(stage, code, microBatch);
    moved[actionIndex(stage, code, microBatch, numMicroBatches)] = Math.round(own + lostTime(own, move, rng));
  }
  return (stage, letter, microBatch) =>
    moved[actionIndex(stage, letter, microBatch, numMicroBatches)]! as ReturnType<ActionDurations>;
}
