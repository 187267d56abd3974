import { contentHash, InputError, maximum, PlanError } from "../core/index.ts";
import { ACTION_LETTERS, type Action, formatAction } from "./action.ts";
import { peakInFlight, planBuffers } from "./buffers.ts";
import { type CostModel, createCostModel } from "./cost-model.ts";
import { clips, type DependencyTable, dependencyTable } from "./dependencies.ts";
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
import { timelineOf } from "./timeline.ts";
import { validatePlan } from "./validate-plan.ts";
import { stageClasses, workShapes } from "./work-shapes.ts";

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

/** What the cost model says of a draft's work; each shape of work is asked for once. */
interface DraftCosts {
  readonly dependencies: DependencyTable;
  readonly miniBatches: ScheduleInput["miniBatches"];
  readonly durationNs: ScheduleInput["durationNs"];
  readonly transferNs: ScheduleInput["transferNs"];
}

function costsOf(request: Costed, draft: Draft): DraftCosts {
  const { microBatches, stages } = draft;
  const { rows, updates } = workShapes(draft);
  const classes = stageClasses(stages, request.devices, request.costModel);
  const numShapes = Math.max(rows.count, updates.count);
  const known = new Float64Array(classes.count * ACTION_LETTERS.length * numShapes).fill(Number.NaN);
  const { architecture, dtype, recompute, costModel } = request;
  const shapes = stages.map((stage) => ({ architecture, stage, jobs: draft.jobs, dtype, recompute }));
  const durationNs: ScheduleInput["durationNs"] = (stage, letter, microBatch) => {
    const shape = letter === "U" ? updates.ids[microBatch]! : rows.ids[microBatch]!;
    const cell = (classes.ids[stage]! * ACTION_LETTERS.length + ACTION_LETTERS.indexOf(letter)) * numShapes + shape;
    const found = known[cell]!;
    if (!Number.isNaN(found)) return found;
    const entry = microBatches[microBatch]!;
    const seconds = costModel.actionSeconds({
      letter,
      device: request.devices[stages[stage]!.device]!,
      shape: shapes[stage]!,
      microBatch: entry,
      updatedJobs: letter === "U" ? activeJobs(draft, entry.group, entry.step) : [],
    });
    const duration = Math.round(seconds * 1e9);
    known[cell] = duration;
    return duration;
  };
  const bytesPerToken = messageBytesPerToken(request);
  const bytesOf = microBatches.map((microBatch) => microBatchTokens(microBatch) * bytesPerToken);
  const linkCosts = request.links.map((link) => costModel.linkCost(link));
  const transferNs: ScheduleInput["transferNs"] = (boundary, microBatch) => {
    const { latencySeconds, bytesPerSecond } = linkCosts[boundary]!;
    const occupied = bytesPerSecond === null ? 0 : bytesOf[microBatch]! / bytesPerSecond;
    return { arrival: Math.round((latencySeconds + occupied) * 1e9), occupied: Math.round(occupied * 1e9) };
  };
  return { dependencies: dependencyTable(draft), miniBatches: miniBatches(draft), durationNs, transferNs };
}

interface Candidate {
  readonly orders: Orders;
  readonly inFlight: readonly number[];
  readonly makespanNs: number;
  /** Worked out when they are asked for. */
  readonly buffers: () => readonly Buffers[];
}

function candidate(draft: Draft, costs: DraftCosts, maxInFlight: number | null): Candidate {
  const orders = SCHEDULE_TABLE[draft.schedule].build({
    ...costs,
    numStages: draft.stages.length,
    maxInFlight,
    clips: (miniBatch) => clips(draft, miniBatch),
  });
  const durationNs = ({ stage, letter, microBatch }: Action): number => costs.durationNs(stage, letter, microBatch);
  const line = timelineOf(orders, costs.dependencies, {
    durationNs,
    transferNs: (boundary, microBatch) => costs.transferNs(boundary, microBatch).arrival,
  });
  let buffers: readonly Buffers[] | undefined;
  return {
    orders,
    inFlight: peakInFlight(orders),
    makespanNs: line.makespanNs,
    buffers() {
      buffers ??= planBuffers(orders, [
        line,
        timelineOf(orders, costs.dependencies, { durationNs, transferNs: () => 0 }),
      ]);
      return buffers;
    },
  };
}

function memoryOf(request: PlanRequest, draft: Draft, chosen: Candidate): readonly StageMemory[] {
  const buffers = chosen.buffers();
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
      inFlight: chosen.inFlight[index]!,
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

/** The smallest limit that costs no time, or the largest one that fits. Judged on the first steps. */
function searchLimit(request: Costed, draft: Draft): number | null {
  const probe: Draft = {
    ...draft,
    microBatches: draft.microBatches.filter((microBatch) => microBatch.step < PROBE_STEPS),
  };
  const costs = costsOf(request, probe);
  const known = new Map<number, Candidate>();
  const limited = (limit: number): Candidate => {
    const found = known.get(limit) ?? candidate(probe, costs, limit);
    known.set(limit, found);
    return found;
  };
  const unlimited = candidate(probe, costs, null);
  const most = unlimited.inFlight[0]!;
  let chosen: number | null = null;
  for (let limit = Math.min(most, draft.stages.length); limit <= most; limit += 1) {
    chosen = limit;
    if (limited(limit).makespanNs <= unlimited.makespanNs * (1 + PROBE_TOLERANCE)) break;
  }
  while (chosen !== null && chosen > 1 && !fits(request, draft, memoryOf(request, draft, limited(chosen)))) chosen -= 1;
  return chosen;
}

function chooseLimit(request: Costed, draft: Draft): number | null {
  const entry = SCHEDULE_TABLE[request.schedule];
  const { maxInFlight } = request;
  if (typeof maxInFlight === "number" && entry.needsWholeMiniBatch) {
    const parts = maximum(
      miniBatches(draft).flatMap((steps) => steps.map((miniBatch) => miniBatch.microBatches.length)),
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
  const chosen = candidate(draft, costsOf(request, draft), limit);
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
    buffers: [...chosen.buffers()],
    memory: [...memory],
    calibration: request.calibration,
    calibrationHash: contentHash(request.calibration),
    predicted: null,
  };
  validatePlan(plan);
  return plan;
}
