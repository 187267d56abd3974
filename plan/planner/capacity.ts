import type { StageMemory } from "../documents/setting.ts";
import type { Draft } from "./draft.ts";
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
