import type { Buffers, StageMemory } from "../documents/setting.ts";
import { planBuffers } from "../memory/buffers.ts";
import { stageMemory } from "../memory/memory-model.ts";
import { residentJobs } from "../memory/residents.ts";
import { stashPlacement } from "../memory/stash.ts";
import { largestSizes } from "../mini-batch.ts";
import { roomOf } from "../pipelines.ts";
import type { OrderedDraft } from "./order-draft.ts";
import type { Costed } from "./request.ts";

/** Where everything of an ordered draft lies, and what it takes. */
export interface LaidOut {
  readonly buffers: readonly Buffers[];
  readonly memory: readonly StageMemory[];
}

/** Memory of a stage of an ordered draft, had it so many recomputed layers. */
export type StageMemoryWith = (stage: number, recomputedLayers: number) => StageMemory;

/** What each stage would need, by recomputed layers. The buffers between stages do not depend on them. */
export function memoryByRecomputation(
  request: Costed,
  ordered: OrderedDraft,
  buffers: readonly Buffers[],
): StageMemoryWith {
  const { draft, orders } = ordered;
  const room = roomOf(draft.jobs, largestSizes(draft.microBatches));
  const peaks = orders.map((order) => stashPlacement(order, draft.microBatches).peak);
  const residents = orders.map((order, index) => {
    const stage = draft.stages[index]!;
    const { kind } = request.devices[stage.device]!;
    const held = { architecture: request.architecture, stage, kind };
    return residentJobs(held, order, draft);
  });
  return (index, recomputedLayers) => {
    const stage = draft.stages[index]!;
    const device = request.devices[stage.device]!;
    return stageMemory({
      architecture: request.architecture,
      stage: { ...stage, recomputedLayers },
      dtype: request.dtype,
      room,
      residents: residents[index]!,
      kind: device.kind,
      threads: device.threads,
      stashUnits: peaks[index]!,
      buffers: buffers[index]!,
      ...(request.program === undefined ? {} : { program: request.program }),
    });
  };
}

export function buffersOf({ orders, timeline, withoutTransfers }: OrderedDraft): readonly Buffers[] {
  return planBuffers(orders, [timeline, withoutTransfers()]);
}

export function layOut(request: Costed, ordered: OrderedDraft): LaidOut {
  const buffers = buffersOf(ordered);
  const memoryWith = memoryByRecomputation(request, ordered, buffers);
  return {
    buffers,
    memory: ordered.draft.stages.map(({ recomputedLayers }, stage) => memoryWith(stage, recomputedLayers)),
  };
}
