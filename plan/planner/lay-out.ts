import { once } from "../../core/index.ts";
import { edgeDtypes } from "../actions/message-bytes.ts";
import { largestSizes } from "../actions/mini-batch.ts";
import { roomOf } from "../actions/pipelines.ts";
import type { Buffers, StageMemory } from "../documents/setting.ts";
import { planBuffers } from "../memory/buffers.ts";
import { stageMemory } from "../memory/memory-model.ts";
import { residentJobs } from "../memory/residents.ts";
import { stashPeak } from "../memory/stash.ts";
import type { OrderedDraft } from "./order-draft.ts";
import type { Costed } from "./request.ts";

/** Where everything of an ordered draft lies, and what it takes. */
export interface LaidOut {
  readonly buffers: readonly Buffers[];
  /** Made when it is asked for first: it takes much longer than `fitsInto`. */
  readonly memory: readonly StageMemory[];
  /**
   * Whether a stage would fit into so many bytes in this order, had it so many recomputed layers; the buffers do not
   * depend on them.
   */
  fitsInto(bytes: number, stage: number, recomputedLayers: number): boolean;
}

export function layOut(request: Costed, ordered: OrderedDraft): LaidOut {
  const { draft, orders, timeline } = ordered;
  const buffers = planBuffers(orders, [timeline, ordered.withoutTransfers()], request);
  const room = roomOf(request.architecture, draft.jobs, largestSizes(draft.microBatches));
  const peaks = orders.map((order) => stashPeak(order, draft.units));
  const residents = orders.map((order, index) => {
    const stage = draft.stages[index]!;
    const { kind } = request.devices[stage.device]!;
    const held = { architecture: request.architecture, stage, kind };
    return residentJobs(held, order, draft);
  });
  const memoryOf = (index: number, recomputedLayers: number, stashUnits: number): StageMemory => {
    const stage = draft.stages[index]!;
    const device = request.devices[stage.device]!;
    return stageMemory({
      architecture: request.architecture,
      stage: { ...stage, recomputedLayers },
      dtype: request.dtype,
      edges: edgeDtypes({ model: request, links: request.links }, index),
      room,
      residents: residents[index]!,
      kind: device.kind,
      threads: device.threads,
      stashUnits,
      buffers: buffers[index]!,
      ...(request.program === undefined ? {} : { program: request.program }),
    });
  };
  const memory = once(() =>
    draft.stages.map(({ recomputedLayers }, stage) => memoryOf(stage, recomputedLayers, peaks[stage]!.peak())),
  );
  return {
    buffers,
    get memory() {
      return memory();
    },
    fitsInto(bytes, stage, recomputedLayers) {
      const fitsWith = (stashUnits: number): boolean => memoryOf(stage, recomputedLayers, stashUnits).total <= bytes;
      const { least, most, peak } = peaks[stage]!;
      return fitsWith(most) || (fitsWith(least) && fitsWith(peak()));
    },
  };
}
