import { contentHash, InputError, maximum, PlanError } from "../../core/index.ts";
import { formatAction } from "../action.ts";
import { createCostModel } from "../costs/cost-model.ts";
import { PLAN_VERSION, type PlanBody } from "../documents/plan.ts";
import { memoryTable } from "../memory/memory-model.ts";
import { microBatchUnits } from "../memory/stash.ts";
import { onePipeline } from "../pipelines.ts";
import { validatePlan } from "../validate-plan.ts";
import { draftWork } from "./draft.ts";
import { chooseLimits, isSettled, type Settled, settle, type Unsettled } from "./limits.ts";
import { rememberedCosts } from "./remembered-costs.ts";
import type { Costed, PlanRequest } from "./request.ts";
import { rebalanced, type SearchResult, searchChain } from "./search.ts";

/** From one limit on activation memory to the next lower one, where the whole run needs more than the probe. */
const LOWER = 0.95;

function tooLarge(request: Costed, { ordered, memory }: Unsettled): PlanError {
  const { draft } = ordered;
  const recomputed = { ...request, recompute: "layer" } as const;
  const recomputingFits =
    request.recompute === "none" && chooseLimits(recomputed, draft, "quick").settled !== undefined;
  const moreGroups = draft.groups.some((group) => group.length > 1) ? "more --groups, " : "";
  const other = `a smaller microBatchSize or cutoffLength, ${moreGroups}fewer jobs, a lower --max-in-flight, a smaller dtype, or more devices`;
  return new PlanError({
    expected: "a plan that fits into the devices' memory",
    detail: memoryTable(
      memory.map((row, stage) => ({
        device: request.devices[draft.stages[stage]!.device]!.name,
        memory: row,
        capacity: request.devices[draft.stages[stage]!.device]!.memoryBytes,
      })),
    ),
    hint: recomputingFits
      ? `With \`recompute: layer\` (--recompute layer) it fits. Else use ${other}.`
      : `Use ${other}.`,
  });
}

function checkJobs({ jobs, rows, architecture: { maxPositions } }: PlanRequest): void {
  jobs.forEach(({ arrivalSeconds, cutoffLength }, job) => {
    if (arrivalSeconds > 0)
      throw new InputError({
        expected: "jobs that are there from the start",
        at: `jobs[${job}].arrivalSeconds`,
        got: arrivalSeconds,
        hint: "Arrivals need a job scheduler; a static plan has none. Leave arrivalSeconds out.",
      });
    const { tokens } = rows[job]!;
    for (let row = 0; row < tokens.length; row += 1) {
      if (tokens[row]! > maxPositions)
        throw new InputError({
          expected: `at most ${maxPositions}, the model's positions,`,
          at: `jobs[${job}].cutoffLength`,
          got: cutoffLength,
          hint: `Row ${row} has ${tokens[row]} tokens: a lower cutoffLength cuts it.`,
        });
    }
  });
}

/** The whole run of what was found on the probe. @throws PlanError when it does not fit */
function settleWhole(request: Costed, { chosen, probe }: SearchResult): Settled {
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
    const { count, units } = limits;
    if (count !== null || (units ?? 0) === largest) throw tooLarge(request, whole);
    limits = { count, units: Math.max(largest, Math.floor((units ?? largest) * LOWER)) };
  }
}

/**
 * Makes and checks a plan: proposes ways to do the work, orders each, lays it out, judges it by predicted time within memory (`searchChain`), and plans the
 * whole run the best way. Its prediction is left open.
 * @throws PlanError when it does not fit, with the table of what each device needs.
 * @throws InputError for jobs that cannot be planned.
 */
export function makePlan(planRequest: PlanRequest): PlanBody {
  const costModel = rememberedCosts(createCostModel(planRequest.calibration, planRequest.dtype));
  const request: Costed = { ...planRequest, costModel };
  checkJobs(request);
  const { ordered, limits, buffers, memory } = settleWhole(request, searchChain(request));
  const { draft, orders, inFlight } = ordered;
  const plan: PlanBody = {
    kind: "plan",
    version: PLAN_VERSION,
    schedule: draft.schedule,
    fused: draft.groups.some((group) => group.length > 1),
    maxInFlight: limits.count === null && limits.units === null ? null : inFlight.map((peak) => Math.max(1, peak)),
    model: { architecture: request.architecture, dtype: request.dtype, digest: request.modelDigest },
    devices: [...request.devices],
    links: [...request.links],
    stages: [...draft.stages],
    pipelines: onePipeline(draft.stages.length, draft.groups.length),
    jobs: [...draft.jobs],
    groups: draft.groups.map((group) => [...group]),
    microBatches: [...draft.microBatches],
    actions: orders.map((order) => order.map(formatAction)),
    buffers: [...buffers],
    memory: [...memory],
    calibration: request.calibration,
    calibrationHash: contentHash(request.calibration),
    predicted: null,
  };
  validatePlan(plan);
  return plan;
}
