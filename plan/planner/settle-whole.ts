import { PlanError } from "../../core/index.ts";
import { isFused } from "../actions/mini-batch.ts";
import { numHalvesOf } from "../actions/stage-layers.ts";
import { memoryTable } from "../memory/memory-model.ts";
import { type Candidate, candidateOf, type Trial } from "./candidate.ts";
import { divideLayers } from "./divide-layers.ts";
import { capacityOf } from "./judge.ts";
import { chooseLimits, fits, largestUnits, leastRecomputed, ONE_AT_A_TIME, settle } from "./limits.ts";
import type { Probe } from "./probe.ts";
import { rebalanced } from "./rebalance.ts";
import type { Considered } from "./search.ts";

/** From one limit on activation memory to the next lower one, where the whole run needs more than the probe. */
const LOWER = 0.95;

function tooLarge(candidate: Candidate, { ordered, laidOut }: Trial): PlanError {
  const { request } = candidate;
  const { draft } = ordered;
  const recomputingFits =
    request.recompute === "none" && fits(chooseLimits(candidate, "quick", { recompute: "auto" }).trial);
  const moreGroups = isFused(draft) ? "more --groups, " : "";
  const other = `a smaller microBatchSize or cutoffLength, ${moreGroups}fewer jobs, a lower --max-in-flight, a smaller dtype, or more devices`;
  return new PlanError({
    expected: "a plan that fits into the devices' memory",
    detail: memoryTable(
      laidOut().memory.map((row, stage) => {
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

/** The stages are the candidate's own: on a probe it may have those of another whose work is alike. */
function onOwnStages({ candidate, outcome }: Considered, probe: Probe): [Candidate, Trial | undefined] {
  const { request, choice, draft } = candidate;
  const stages = divideLayers(request, draft);
  const isOwn = stages.every((stage, i) => numHalvesOf(stage) === numHalvesOf(draft.stages[i]!));
  if (isOwn) return [candidate, outcome?.unbound];
  return [candidateOf(request, choice, { stepsOf: probe.stepsOf, stages }), undefined];
}

/**
 * The whole run of a way that was found on the probe. @throws PlanError when it does not fit, InputError for more than
 * `mostActions`
 */
export function settleWhole(considered: Considered, probe: Probe, mostActions: number): Trial {
  const [candidate, unlimited] = onOwnStages(considered, probe);
  const { request, choice } = candidate;
  // Whether the whole run is short enough is known before its limits are.
  const whole = probe.isWhole
    ? undefined
    : candidateOf(request, choice, { stages: candidate.draft.stages, mostActions });
  const { trial } = chooseLimits(candidate, "thorough", { unlimited });
  if (!fits(trial)) throw tooLarge(candidate, trial);
  const balanced = rebalanced(candidate, trial);
  if (whole === undefined) return balanced;
  const { draft, limits: probed } = balanced.ordered;
  const largest = largestUnits(whole);
  let limits = probed;
  for (;;) {
    const settled = settle(whole, leastRecomputed(whole, limits, draft.stages));
    if (fits(settled)) return settled;
    // A limit that was asked for, or none, stays.
    if (request.maxInFlight !== "auto" || limits.units === null) throw tooLarge(whole, settled);
    const units = Math.max(largest, Math.floor(limits.units * LOWER));
    limits = limits.units === largest ? ONE_AT_A_TIME : { count: null, units };
  }
}
