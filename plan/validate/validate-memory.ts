import { PlanError } from "../../core/index.ts";
import { parseOrder } from "../actions/order.ts";
import type { PlanBody } from "../documents/plan.ts";
import type { StageMemory } from "../documents/setting.ts";
import { withGraphRoom } from "../memory/graph-room.ts";
import { memoryTable } from "../memory/memory-model.ts";
import { neededMemory } from "../memory/needed-memory.ts";
import { countedOnce, memoryLoads } from "../memory/shared-weights.ts";
import { layoutOfStage } from "../memory/stage-units.ts";

type Planned = PlanBody["memory"][number];

/** The least that a stage needs for the plan's work; a setting that jobs come and go in has room for more. */
function needed(plan: PlanBody, index: number): StageMemory {
  const planned = plan.memory[index]!.activations / layoutOfStage(plan, index).unitBytes;
  const leastUnits = Number.isSafeInteger(planned) ? planned : 0;
  return neededMemory(plan, index, parseOrder(plan.actions[index]!, index), leastUnits);
}

const PARTS = ["weights", "adapters", "optimizer", "activations", "buffers", "workspace"] as const;

/** The part of a stage's planned memory that is not what it has to be; adapters may have more where jobs come and go. */
function wrongPart(planned: Planned, least: StageMemory, slots: PlanBody["slots"]): keyof Planned | undefined {
  const mayHaveMore: readonly string[] = slots === "first-fit" ? ["adapters", "optimizer"] : [];
  const wrong = PARTS.find((part) =>
    mayHaveMore.includes(part) ? planned[part] < least[part] : planned[part] !== least[part],
  );
  if (wrong !== undefined) return wrong;
  return PARTS.reduce((sum, part) => sum + planned[part], 0) === planned.total ? undefined : "total";
}

/**
 * The memory of every stage, computed again from the plan: what its devices reserve is what its work needs, and what
 * devices of one memory take together is no more than they have. For plans of the executor, whose arena this is.
 * @throws PlanError with the part that is wrong
 */
export function checkMemory(plan: PlanBody): void {
  const least = countedOnce({ ...plan, memory: plan.stages.map((_, stage) => needed(plan, stage)) });
  const withGraphs = plan.slots === "placed" ? withGraphRoom({ ...plan, memory: least }).memory : undefined;
  plan.memory.forEach((planned, stage) => {
    const part = wrongPart(planned, least[stage]!, plan.slots);
    if (part !== undefined)
      throw new PlanError({
        expected: `${least[stage]![part as keyof StageMemory]} bytes, which the plan's work needs,`,
        at: `memory[${stage}].${part}`,
        got: planned[part],
      });
    if (withGraphs === undefined) return;
    const { graphs } = withGraphs[stage]!;
    if (planned.graphs !== graphs)
      throw new PlanError({ expected: `${graphs ?? "no"} bytes`, at: `memory[${stage}].graphs`, got: planned.graphs });
  });
  plan.predicted?.peakMemoryBytes.forEach((bytes, stage) => {
    if (bytes !== plan.memory[stage]?.total)
      throw new PlanError({
        expected: `${plan.memory[stage]?.total ?? "no"} bytes, as in memory[${stage}].total,`,
        at: `predicted.peakMemoryBytes[${stage}]`,
        got: bytes,
      });
  });
  for (const { stages, bytes, capacity } of memoryLoads(plan)) {
    if (capacity === null || bytes <= capacity) continue;
    throw new PlanError({
      expected: `stages ${stages.join(", ")} within the ${capacity} bytes of their devices' memory`,
      at: "memory",
      got: bytes,
      detail: memoryTable(
        stages.map((stage) => {
          const { name, memoryBytes } = plan.devices[plan.stages[stage]!.device]!;
          return { device: name, memory: plan.memory[stage]!, capacity: memoryBytes };
        }),
      ),
    });
  }
}
