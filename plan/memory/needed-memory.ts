import { edgeDtypes } from "../actions/message-bytes.ts";
import type { Order } from "../actions/order.ts";
import { pipelineTable } from "../actions/pipelines.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { StageMemory } from "../documents/setting.ts";
import { stageMemory } from "./memory-model.ts";
import { residentJobs } from "./residents.ts";
import { stashPlacement } from "./stash.ts";

/**
 * What a stage's device reserves for its order of a plan: as many activation slots as the order has in use at once, or
 * `leastUnits` where slots are for jobs that come and go.
 */
export function neededMemory(plan: PlanBody, index: number, order: Order, leastUnits: number): StageMemory {
  const { architecture, dtype } = plan.model;
  const stage = plan.stages[index]!;
  const { kind, threads } = plan.devices[stage.device]!;
  const peak = stashPlacement(order, plan.microBatches, plan.slots).peak;
  return stageMemory({
    architecture,
    stage,
    dtype,
    edges: edgeDtypes(plan, index),
    room: pipelineTable(plan).ofStage(index).room,
    residents: residentJobs({ architecture, stage, kind }, order, plan),
    kind,
    threads,
    stashUnits: plan.slots === "first-fit" ? Math.max(peak, leastUnits) : peak,
    buffers: plan.buffers[index]!,
  });
}
