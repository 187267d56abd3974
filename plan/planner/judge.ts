import { numLayersOf } from "../actions/stage-layers.ts";
import type { Stage, StageMemory } from "../documents/setting.ts";
import type { Recompute } from "../documents/workload.ts";
import type { Draft } from "./draft.ts";
import type { LaidOut } from "./lay-out.ts";
import type { OrderedDraft } from "./order-draft.ts";
import type { Costed } from "./request.ts";

/** Memory is said to bind where it costs more than this share of the time. */
export const FELT = 0.005;

/**
 * Bytes that a stage may take, weights counted that another pipeline's device of its memory holds; infinite for a
 * device without a limit.
 */
export function capacityOf({ devices, sharedBytes }: Costed, { stages }: Pick<Draft, "stages">, stage: number): number {
  const { device } = stages[stage]!;
  return (devices[device]!.memoryBytes ?? Number.POSITIVE_INFINITY) + (sharedBytes?.[device] ?? 0);
}

/** The memory of each stage over what its device lets it take. */
export function fullness(
  request: Costed,
  draft: Pick<Draft, "stages">,
  memory: readonly StageMemory[],
): readonly number[] {
  return memory.map(({ total }, stage) => total / capacityOf(request, draft, stage));
}

/** The fewest and the most layers of a stage that may be recomputed. */
export function recomputationRange(recompute: Recompute, stage: Stage): readonly [number, number] {
  const numLayers = numLayersOf(stage);
  return [recompute === "layer" ? numLayers : 0, recompute === "none" ? 0 : numLayers];
}

/**
 * The fewest recomputed layers from `least` on with which a stage fits; undefined where none do. More of them never
 * take more, but for the first.
 */
function fewestThatFit(least: number, most: number, fitsWith: (recomputed: number) => boolean): number | undefined {
  if (fitsWith(least)) return least;
  if (most === least || !fitsWith(most)) return undefined;
  let tooFew = least;
  let enough = most;
  while (enough - tooFew > 1) {
    const middle = (tooFew + enough) >> 1;
    if (fitsWith(middle)) enough = middle;
    else tooFew = middle;
  }
  return enough;
}

/** Whether an order fits into the devices' memory, and what it would take of recomputation to. */
export interface Verdict {
  readonly fits: boolean;
  /** The stages with the fewest recomputed layers that make each fit; undefined where one does not even so. */
  stagesThatFit(recompute: Recompute): readonly Stage[] | undefined;
}

export function judge(request: Costed, { draft }: OrderedDraft, { fitsInto }: LaidOut): Verdict {
  const fitsWith = (stage: number, recomputed: number): boolean =>
    fitsInto(capacityOf(request, draft, stage), stage, recomputed);
  return {
    fits: draft.stages.every(({ recomputedLayers }, stage) => fitsWith(stage, recomputedLayers)),
    stagesThatFit(recompute) {
      const stages: Stage[] = [];
      for (const [index, stage] of draft.stages.entries()) {
        const [, most] = recomputationRange(recompute, stage);
        const recomputedLayers = fewestThatFit(stage.recomputedLayers, most, (layers) => fitsWith(index, layers));
        if (recomputedLayers === undefined) return undefined;
        stages.push({ ...stage, recomputedLayers });
      }
      return stages;
    },
  };
}
