import { edgeDtypes, type PlanBody, planOrders, stashPlacement } from "../../plan/index.ts";
import { withGraphRoom } from "../../plan/memory/graph-room.ts";
import { stageMemory } from "../../plan/memory/memory-model.ts";
import { residentJobs } from "../../plan/memory/residents.ts";
import { stageOfHalves } from "../../plan/planner/partition.ts";

/** What a plan's stages have, whatever the planner would choose. */
export interface StageChoice {
  /** Where stages but the last end, in halves of layers from the start of the model. */
  readonly cuts?: readonly number[];
  /** By stage: how many layers the backward computes again. */
  readonly recomputedLayers?: readonly number[];
}

/** The plan of one pipeline with other stages, and the memory that they need. */
export function withStages(plan: PlanBody, { cuts, recomputedLayers }: StageChoice): PlanBody {
  if (cuts === undefined && recomputedLayers === undefined) return plan;
  const bounds = cuts === undefined ? undefined : [0, ...cuts, 2 * plan.model.architecture.numLayers];
  const stages = plan.stages.map((stage, index) => ({
    ...(bounds === undefined ? stage : stageOfHalves(index, plan.stages.length, bounds[index]!, bounds[index + 1]!)),
    recomputedLayers: recomputedLayers?.[index] ?? stage.recomputedLayers,
  }));
  const orders = planOrders(plan);
  const memory = stages.map((stage, index) => {
    const { kind, threads } = plan.devices[stage.device]!;
    const order = orders[index]!;
    return stageMemory({
      ...plan.model,
      stage,
      edges: edgeDtypes(plan, index),
      residents: residentJobs({ ...plan.model, stage, kind }, order, plan),
      room: plan.pipelines[0]!.room,
      kind,
      threads,
      stashUnits: stashPlacement(order, plan.microBatches).peak,
      buffers: plan.buffers[index]!,
    });
  });
  return withGraphRoom({ ...plan, stages, memory });
}
