import { contentHash, InputError, PlanError } from "../core/index.ts";
import { type Action, formatAction } from "./action.ts";
import { peakInFlight, planBuffers } from "./buffers.ts";
import { type ActionCost, type CostModel, createCostModel } from "./cost-model.ts";
import { clips, dependencyTable } from "./dependencies.ts";
import type { Architecture } from "./documents/architecture.ts";
import type { Calibration } from "./documents/calibration.ts";
import type { ResolvedDevice, ResolvedLink } from "./documents/cluster.ts";
import type { Buffers, MicroBatch, PlanBody, PlannedJob, ScheduleName, Stage, StageMemory } from "./documents/plan.ts";
import type { Dtype, Job, Recompute } from "./documents/workload.ts";
import { groupJobs } from "./grouping.ts";
import type { JobRows } from "./job-rows.ts";
import { memoryTable, stageMemory } from "./memory-model.ts";
import { messageBytesPerToken } from "./message-bytes.ts";
import { activeJobs, largestSizes, microBatchTokens, miniBatches } from "./mini-batch.ts";
import { stageOperators } from "./operators.ts";
import { packMicroBatches } from "./pack.ts";
import { partitionLayers } from "./partition.ts";
import type { Orders, ScheduleInput } from "./schedules/schedule-input.ts";
import { SCHEDULE_TABLE } from "./schedules/schedules.ts";
import { type Timeline, timelineOf } from "./timeline.ts";
import { validatePlan } from "./validate-plan.ts";

export interface PlanRequest {
  readonly architecture: Architecture;
  readonly dtype: Dtype;
  readonly modelDigest: string | null;
  readonly recompute: Recompute;
  readonly jobs: readonly Job[];
  /** Rows of each job, in job order. */
  readonly rows: readonly JobRows[];
  readonly devices: readonly ResolvedDevice[];
  /** links[s] joins devices s and s + 1. */
  readonly links: readonly ResolvedLink[];
  readonly calibration: Calibration;
  readonly schedule: ScheduleName;
  readonly maxInFlight: "auto" | "none" | number;
  /** BatchLoRA groups: `auto` is one a device when there are more jobs than devices, else one a job. */
  readonly groups: "auto" | "unfused" | number;
}

/** Steps of each group that the search for an in-flight limit looks at. */
const PROBE_STEPS = 6;
/** A limit is as good as none when the run takes at most this much longer. */
const PROBE_TOLERANCE = 0.002;

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

function countGroups(request: PlanRequest): number {
  const numJobs = request.jobs.length;
  const { groups } = request;
  if (typeof groups === "number") {
    if (groups > numJobs)
      throw new InputError({ expected: `at most as many groups as jobs (${numJobs})`, at: "--groups", got: groups });
    return groups;
  }
  if (groups === "unfused" || !SCHEDULE_TABLE[request.schedule].interleavesGroups) return numJobs;
  return Math.min(numJobs, request.devices.length);
}

/** The part of a plan that every later step works on. */
interface Draft {
  readonly schedule: ScheduleName;
  readonly stages: Stage[];
  readonly jobs: PlannedJob[];
  readonly groups: number[][];
  readonly microBatches: MicroBatch[];
}

/** A request with the cost model of its calibration. */
interface Costed extends PlanRequest {
  readonly costModel: CostModel;
}

/** What the schedules ask, answered by the cost model; each shape of work is asked for once. */
function scheduleInput(request: Costed, draft: Draft, maxInFlight: number | null): ScheduleInput {
  const cache = new Map<string, number>();
  const table = miniBatches(draft);
  const seconds = ({ stage, letter, microBatch }: Action): number => {
    const entry = draft.microBatches[microBatch]!;
    const key = `${stage}${letter}${letter === "U" ? `${entry.group} ${entry.step}` : entry.rows.map(([job, , tokens, scored]) => `${job}.${tokens}.${scored}`).join()}`;
    const known = cache.get(key);
    if (known !== undefined) return known;
    const spec = draft.stages[stage]!;
    const cost: ActionCost = {
      letter,
      device: request.devices[spec.device]!,
      shape: {
        architecture: request.architecture,
        stage: spec,
        jobs: draft.jobs,
        dtype: request.dtype,
        recompute: request.recompute,
      },
      microBatch: entry,
      updatedJobs: letter === "U" ? activeJobs(draft, entry.group, entry.step) : [],
    };
    const value = request.costModel.actionSeconds(cost);
    cache.set(key, value);
    return value;
  };
  const bytesPerToken = messageBytesPerToken(request);
  return {
    numStages: draft.stages.length,
    miniBatches: table,
    maxInFlight,
    durationNs: (stage, letter, microBatch) => Math.round(seconds({ stage, letter, microBatch }) * 1e9),
    transferNs(boundary, microBatch) {
      const { latencySeconds, bytesPerSecond } = request.costModel.linkCost(request.links[boundary]!);
      const bytes = microBatchTokens(draft.microBatches[microBatch]!) * bytesPerToken;
      const occupied = bytesPerSecond === null ? 0 : bytes / bytesPerSecond;
      return { arrival: Math.round((latencySeconds + occupied) * 1e9), occupied: Math.round(occupied * 1e9) };
    },
    clips: (miniBatch) => clips(draft, miniBatch),
  };
}

function timelines(draft: Draft, orders: Orders, input: ScheduleInput): readonly Timeline[] {
  const dependencies = dependencyTable(draft);
  const durationNs = ({ stage, letter, microBatch }: Action): number => input.durationNs(stage, letter, microBatch);
  return [
    timelineOf(orders, dependencies, {
      durationNs,
      transferNs: (boundary, microBatch) => input.transferNs(boundary, microBatch).arrival,
    }),
    timelineOf(orders, dependencies, { durationNs, transferNs: () => 0 }),
  ];
}

interface Candidate {
  readonly limit: number | null;
  readonly orders: Orders;
  readonly inFlight: readonly number[];
  readonly buffers: readonly Buffers[];
  readonly makespanNs: number;
}

function candidate(request: Costed, draft: Draft, limit: number | null): Candidate {
  const input = scheduleInput(request, draft, limit);
  const orders = SCHEDULE_TABLE[draft.schedule].build(input);
  const lines = timelines(draft, orders, input);
  return {
    limit,
    orders,
    inFlight: peakInFlight(orders),
    buffers: planBuffers(orders, lines),
    makespanNs: lines[0]!.makespanNs,
  };
}

function memoryOf(request: PlanRequest, draft: Draft, { inFlight, buffers }: Candidate): readonly StageMemory[] {
  const sizes = largestSizes(draft.microBatches);
  return draft.stages.map((stage, index) =>
    stageMemory({
      architecture: request.architecture,
      stage,
      dtype: request.dtype,
      recompute: request.recompute,
      jobs: draft.jobs,
      ...sizes,
      kind: request.devices[stage.device]!.kind,
      threads: request.devices[stage.device]!.threads,
      inFlight: inFlight[index]!,
      buffers: buffers[index]!,
    }),
  );
}

function fits(request: PlanRequest, draft: Draft, memory: readonly StageMemory[]): boolean {
  return memory.every(
    ({ total }, stage) =>
      total <= (request.devices[draft.stages[stage]!.device]!.memoryBytes ?? Number.POSITIVE_INFINITY),
  );
}

function tooLarge(request: PlanRequest, draft: Draft, chosen: Candidate, memory: readonly StageMemory[]): PlanError {
  const recomputed: PlanRequest = { ...request, recompute: "layer" };
  const recomputingFits = request.recompute === "none" && fits(recomputed, draft, memoryOf(recomputed, draft, chosen));
  const other =
    "a smaller microBatchSize or cutoffLength, fewer jobs, a lower --max-in-flight, a smaller dtype, or more devices";
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

/** The smallest limit that costs no time, or the largest one that fits. Judged on the first steps. */
function searchLimit(request: Costed, draft: Draft): number | null {
  const probe: Draft = {
    ...draft,
    microBatches: draft.microBatches.filter((microBatch) => microBatch.step < PROBE_STEPS),
  };
  const unlimited = candidate(request, probe, null);
  const most = unlimited.inFlight[0]!;
  let chosen: number | null = null;
  for (let limit = Math.min(most, draft.stages.length); limit <= most; limit += 1) {
    chosen = limit;
    if (candidate(request, probe, limit).makespanNs <= unlimited.makespanNs * (1 + PROBE_TOLERANCE)) break;
  }
  while (
    chosen !== null &&
    chosen > 1 &&
    !fits(request, draft, memoryOf(request, draft, candidate(request, probe, chosen)))
  )
    chosen -= 1;
  return chosen;
}

function chooseLimit(request: Costed, draft: Draft): number | null {
  const entry = SCHEDULE_TABLE[request.schedule];
  const { maxInFlight } = request;
  if (typeof maxInFlight === "number" && entry.needsWholeMiniBatch) {
    const parts = Math.max(
      ...miniBatches(draft).flatMap((steps) => steps.map((miniBatch) => miniBatch.microBatches.length)),
    );
    if (maxInFlight < parts)
      throw new PlanError({
        expected: `an in-flight limit of at least ${parts} for schedule ${request.schedule}, which holds a whole mini-batch`,
        at: "--max-in-flight",
        got: maxInFlight,
      });
  }
  if (typeof maxInFlight === "number") return maxInFlight;
  return maxInFlight === "auto" && entry.interleavesGroups ? searchLimit(request, draft) : null;
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

/**
 * Makes and checks a plan: partition, groups, micro-batches, in-flight limit, orders, buffers, memory. Its prediction is left open.
 * @throws PlanError when it does not fit, with the table of what each device needs.
 * @throws InputError for jobs that cannot be planned.
 */
export function makePlan(planRequest: PlanRequest): PlanBody {
  const request: Costed = { ...planRequest, costModel: createCostModel(planRequest.calibration, planRequest.dtype) };
  checkSequences(request);
  const jobs = request.jobs.map((job, i) => plannedJob(job, i, request.rows[i]!));
  const loads = request.rows.map((rows) =>
    rows.steps.reduce((sum, step) => sum + step.reduce((tokens, row) => tokens + rows.tokens[row]!, 0), 0),
  );
  const groups = groupJobs(loads, countGroups(request)).map((group) => [...group]);
  const packed = packMicroBatches(
    request.jobs.map((job, i) => ({
      rows: request.rows[i]!,
      batchSize: job.batchSize,
      microBatchSize: job.microBatchSize,
    })),
    groups,
  );
  const stages = partition(request, jobs);
  const draft: Draft = { schedule: request.schedule, stages: [...stages], jobs, groups, microBatches: [...packed] };
  const limit = chooseLimit(request, draft);
  const chosen = candidate(request, draft, limit);
  const memory = memoryOf(request, draft, chosen);
  if (!fits(request, draft, memory)) throw tooLarge(request, draft, chosen, memory);
  const plan: PlanBody = {
    kind: "plan",
    version: 1,
    schedule: request.schedule,
    fused: groups.some((group) => group.length > 1),
    maxInFlight: limit === null ? null : chosen.inFlight.map((peak) => Math.max(1, peak)),
    model: { architecture: request.architecture, dtype: request.dtype, digest: request.modelDigest },
    recompute: request.recompute,
    devices: [...request.devices],
    links: [...request.links],
    stages: draft.stages,
    jobs,
    groups,
    microBatches: draft.microBatches,
    actions: chosen.orders.map((order) => order.map(formatAction)),
    buffers: [...chosen.buffers],
    memory: [...memory],
    calibration: request.calibration,
    calibrationHash: contentHash(request.calibration),
    predicted: null,
  };
  validatePlan(plan);
  return plan;
}
