import { maximum, PlanError } from "../../core/index.ts";
import { memoryTable } from "../memory/memory-model.ts";
import { microBatchUnits } from "../memory/stash.ts";
import { isFused } from "../mini-batch.ts";
import { capacityOf } from "./capacity.ts";
import { draftWork } from "./draft.ts";
import { chooseLimits, isSettled, ONE_AT_A_TIME, type Settled, settle, type Unsettled } from "./limits.ts";
import type { Costed } from "./request.ts";
import { rebalanced, type SearchResult } from "./search.ts";

/** From one limit on activation memory to the next lower one, where the whole run needs more than the probe. */
const LOWER = 0.95;

function tooLarge(request: Costed, { ordered, memory }: Unsettled): PlanError {
  const { draft } = ordered;
  const recomputed = { ...request, recompute: "auto" } as const;
  const recomputingFits =
    request.recompute === "none" && chooseLimits(recomputed, draft, "quick").settled !== undefined;
  const moreGroups = isFused(draft) ? "more --groups, " : "";
  const other = `a smaller microBatchSize or cutoffLength, ${moreGroups}fewer jobs, a lower --max-in-flight, a smaller dtype, or more devices`;
  return new PlanError({
    expected: "a plan that fits into the devices' memory",
    detail: memoryTable(
      memory.map((row, stage) => {
        const capacity = capacityOf(request, draft, stage);
        return {
          device: request.devices[draft.stages[stage]!.device]!.name,
          memory: row,
          capacity: Number.isFinite(capacity) ? capacity : null,
        };
      }),
    ),
    hint: recomputingFits
      ? `With layers recomputed (--recompute auto, or \`recompute: auto\`) it fits. Else use ${other}.`
      : `Use ${other}.`,
  });
}

/** The whole run of what was found on the probe. @throws PlanError when it does not fit */
export function settleWhole(request: Costed, { chosen, probe }: SearchResult): Settled {
  const { settled, unsettled } = chooseLimits(request, chosen.draft, "thorough");
  if (settled === undefined) throw tooLarge(request, unsettled!);
  const balanced = rebalanced(request, settled);
  if (probe.isWhole) return balanced;
  const { stages, schedule } = balanced.ordered.draft;
  const draft = { schedule, stages, ...draftWork(request, chosen.choice) };
  const largest = maximum(draft.microBatches.map(microBatchUnits));
  let { limits } = balanced;
  for (;;) {
    const whole = settle(request, draft, limits);
    if (isSettled(whole)) return whole;
    // A limit that was asked for, or none, stays.
    if (request.maxInFlight !== "auto" || limits.units === null) throw tooLarge(request, whole);
    const units = Math.max(largest, Math.floor(limits.units * LOWER));
    limits = limits.units === largest ? ONE_AT_A_TIME : { count: null, units };
  }
}
