import { contentHash, InputError, InvariantError, PlanError } from "../../core/index.ts";
import { formatAction } from "../action.ts";
import { createCostModel } from "../costs/cost-model.ts";
import { stageOperators } from "../costs/operators.ts";
import type { PlanBody, PlannedJob, Stage, StageMemory } from "../documents/plan.ts";
import type { Job } from "../documents/workload.ts";
import { memoryTable } from "../memory/memory-model.ts";
import { validatePlan } from "../validate-plan.ts";
import {
  type Candidate,
  type Costed,
  candidate,
  costsOf,
  type Draft,
  fits,
  memoryOf,
  type PlanRequest,
} from "./draft.ts";
import { groupCounts } from "./group-counts.ts";
import { groupJobs } from "./grouping.ts";
import { chooseLimit } from "./in-flight-limit.ts";
import type { JobRows } from "./job-rows.ts";
import { packMicroBatches } from "./pack.ts";
import { partitionLayers } from "./partition.ts";

function plannedJob(job: Job, index: number, rows: JobRows): PlannedJob {
  const { steps: _steps, epochs: _epochs, arrivalSeconds, ...rest } = job;
  if (arrivalSeconds > 0) {
    throw new InputError({
      expected: "jobs that are there from the start",
      at: `jobs[${index}].arrivalSeconds`,
      got: arrivalSeconds,
      hint: "Arrivals need a job scheduler; a static plan has none. Leave arrivalSeconds out.",
    });
  }
  return { ...rest, dataDigest: rows.digest, steps: rows.steps.length };
}

function tooLarge(request: PlanRequest, draft: Draft, chosen: Candidate, memory: readonly StageMemory[]): PlanError {
  const recomputed: PlanRequest = { ...request, recompute: "layer" };
  const recomputingFits = request.recompute === "none" && fits(recomputed, draft, memoryOf(recomputed, draft, chosen));
  const moreGroups = draft.groups.some((group) => group.length > 1) ? "more --groups, " : "";
  const other = `a smaller microBatchSize or cutoffLength, ${moreGroups}fewer jobs, a lower --max-in-flight, a smaller dtype, or more devices`;
  return new PlanError({
    expected: "a plan that fits into the devices' memory",
    detail: memoryTable(
      memory.map((row, stage) => ({
        device: request.devices[stage]!.name,
        memory: row,
        capacity: request.devices[stage]!.memoryBytes,
      })),
    ),
    hint: recomputingFits
      ? `With \`recompute: layer\` (--recompute layer) it fits. Else use ${other}.`
      : `Use ${other}.`,
  });
}

function checkSequences(request: PlanRequest): void {
  const { maxPositions } = request.architecture;
  request.rows.forEach((rows, job) => {
    for (let row = 0; row < rows.tokens.length; row += 1) {
      if (rows.tokens[row]! > maxPositions) {
        throw new InputError({
          expected: `at most ${maxPositions}, the model's positions,`,
          at: `jobs[${job}].cutoffLength`,
          got: request.jobs[job]!.cutoffLength,
          hint: `Row ${row} has ${rows.tokens[row]} tokens: a lower cutoffLength cuts it.`,
        });
      }
    }
  });
}

function partition(request: Costed, jobs: readonly PlannedJob[]): readonly Stage[] {
  const { architecture, dtype, recompute, rows } = request;
  const tokens = Math.max(
    1,
    Math.round(
      request.jobs.reduce((sum, job, i) => sum + (job.microBatchSize * rows[i]!.tokens[0]!) / request.jobs.length, 0),
    ),
  );
  const microBatch = { rows: [[0, 0, tokens, tokens - 1] as [number, number, number, number]] };
  return partitionLayers(architecture.numLayers, request.devices.length, (stage) => {
    const shape = { architecture, stage, jobs, dtype, recompute };
    const device = request.devices[stage.device]!;
    return (["F", "B"] as const).reduce((sum, letter) => {
      if (request.calibration.model !== "constant")
        return sum + request.costModel.actionSeconds({ letter, device, shape, microBatch, updatedJobs: [] });
      return (
        sum + stageOperators(shape, letter, microBatch).reduce((flops, call) => flops + call.calls * call.flops, 0)
      );
    }, 0);
  });
}

/** Drafts of the first steps of each job, by numbers of groups. */
function drafts(request: Costed): (numGroups: number, numSteps: number) => Draft {
  const jobs = request.jobs.map((job, i) => plannedJob(job, i, request.rows[i]!));
  const stages = [...partition(request, jobs)];
  const loads = request.rows.map((rows) =>
    rows.steps.reduce((sum, step) => sum + step.reduce((tokens, row) => tokens + rows.tokens[row]!, 0), 0),
  );
  return (numGroups, numSteps) => {
    const groups = groupJobs(loads, numGroups).map((group) => [...group]);
    const packed = request.jobs.map(({ batchSize, microBatchSize }, i) => {
      const rows = request.rows[i]!;
      return { rows: { ...rows, steps: rows.steps.slice(0, numSteps) }, batchSize, microBatchSize };
    });
    return { schedule: request.schedule, stages, jobs, groups, microBatches: [...packMicroBatches(packed, groups)] };
  };
}

/** A draft with all that is chosen for it. */
interface Proposal {
  readonly draft: Draft;
  readonly limit: number | null;
  readonly chosen: Candidate;
  readonly memory: readonly StageMemory[];
}

/** The first number of groups that fits into memory. @throws PlanError of the last one when none does */
function propose(request: Costed): Proposal {
  const draftOf = drafts(request);
  let failure: PlanError | undefined;
  for (const numGroups of groupCounts(request, draftOf)) {
    const draft = draftOf(numGroups, Number.POSITIVE_INFINITY);
    const limit = chooseLimit(request, draft);
    const chosen = candidate(draft, costsOf(request, draft), limit);
    const memory = memoryOf(request, draft, chosen);
    if (fits(request, draft, memory)) return { draft, limit, chosen, memory };
    failure = tooLarge(request, draft, chosen, memory);
  }
  throw failure ?? new InvariantError({ expected: "a number of groups", got: 0 });
}

/**
 * Makes and checks a plan: partition, groups, micro-batches, in-flight limit, orders, buffers, memory. Its prediction is left open.
 * @throws PlanError when it does not fit, with the table of what each device needs.
 * @throws InputError for jobs that cannot be planned.
 */
export function makePlan(planRequest: PlanRequest): PlanBody {
  const request: Costed = { ...planRequest, costModel: createCostModel(planRequest.calibration, planRequest.dtype) };
  checkSequences(request);
  const { draft, limit, chosen, memory } = propose(request);
  const plan: PlanBody = {
    kind: "plan",
    version: 1,
    schedule: request.schedule,
    fused: draft.groups.some((group) => group.length > 1),
    maxInFlight: limit === null ? null : chosen.inFlight.map((peak) => Math.max(1, peak)),
    model: { architecture: request.architecture, dtype: request.dtype, digest: request.modelDigest },
    recompute: request.recompute,
    devices: [...request.devices],
    links: [...request.links],
    stages: draft.stages,
    jobs: draft.jobs,
    groups: draft.groups,
    microBatches: draft.microBatches,
    actions: chosen.orders.map((order) => order.map(formatAction)),
    buffers: [...chosen.buffers()],
    memory: [...memory],
    calibration: request.calibration,
    calibrationHash: contentHash(request.calibration),
    predicted: null,
  };
  validatePlan(plan);
  return plan;
}
