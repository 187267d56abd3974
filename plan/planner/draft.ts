import { type Action, PLANNED_LETTERS } from "../action.ts";
import { actionDurations } from "../costs/action-durations.ts";
import type { CostModel } from "../costs/cost-model.ts";
import { clips, type DependencyTable, dependencyTable } from "../dependencies.ts";
import type { Architecture } from "../documents/architecture.ts";
import type { Calibration } from "../documents/calibration.ts";
import type { ResolvedDevice, ResolvedLink } from "../documents/cluster.ts";
import type { Buffers, MicroBatch, PlannedJob, ScheduleName, Stage, StageMemory } from "../documents/plan.ts";
import type { Dtype, Job, Recompute } from "../documents/workload.ts";
import { peakInFlight } from "../in-flight.ts";
import { planBuffers } from "../memory/buffers.ts";
import { stageMemory } from "../memory/memory-model.ts";
import { messageBytes } from "../message-bytes.ts";
import { largestSizes, miniBatches } from "../mini-batch.ts";
import type { Orders, ScheduleInput } from "../schedules/schedule-input.ts";
import { SCHEDULE_TABLE } from "../schedules/schedules.ts";
import { timelineOf } from "../timeline.ts";
import type { JobRows } from "./job-rows.ts";

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
  /** BatchLoRA groups: `auto` shares as much as the cost model says that it saves time (`groupCounts`), `unfused` is one a job. */
  readonly groups: "auto" | "unfused" | number;
}

/** The part of a plan that every later step works on. */
export interface Draft {
  readonly schedule: ScheduleName;
  readonly stages: Stage[];
  readonly jobs: PlannedJob[];
  readonly groups: number[][];
  readonly microBatches: MicroBatch[];
}

/** Steps of each job on which choices between drafts are judged. */
export const PROBE_STEPS = 6;

/** The draft's first steps. */
export function firstSteps(draft: Draft, steps: number): Draft {
  return { ...draft, microBatches: draft.microBatches.filter(({ step }) => step < steps) };
}

/** A request with the cost model of its calibration. */
export interface Costed extends PlanRequest {
  readonly costModel: CostModel;
}

/** What the cost model says of a draft's work; each shape of work is asked for once. */
export interface DraftCosts {
  readonly dependencies: DependencyTable;
  readonly miniBatches: ScheduleInput["miniBatches"];
  readonly durationNs: ScheduleInput["durationNs"];
  readonly transferNs: ScheduleInput["transferNs"];
}

export function costsOf(request: Costed, draft: Draft): DraftCosts {
  const { architecture, dtype, recompute, devices, costModel } = request;
  const durations = actionDurations(
    { ...draft, devices: [...devices], recompute, model: { architecture, dtype } },
    costModel,
  );
  const durationNs: ScheduleInput["durationNs"] = (stage, letter, microBatch) =>
    durations(stage, PLANNED_LETTERS.indexOf(letter), microBatch);
  const bytesOf = messageBytes({ microBatches: draft.microBatches, model: request });
  const linkCosts = request.links.map((link) => costModel.linkCost(link));
  const transferNs: ScheduleInput["transferNs"] = (boundary, microBatch) => {
    const { latencySeconds, bytesPerSecond } = linkCosts[boundary]!;
    const occupied = bytesPerSecond === null ? 0 : bytesOf[microBatch]! / bytesPerSecond;
    return { arrival: Math.round((latencySeconds + occupied) * 1e9), occupied: Math.round(occupied * 1e9) };
  };
  return { dependencies: dependencyTable(draft), miniBatches: miniBatches(draft), durationNs, transferNs };
}

export interface Candidate {
  readonly orders: Orders;
  readonly inFlight: readonly number[];
  readonly makespanNs: number;
  /** Worked out when they are asked for. */
  readonly buffers: () => readonly Buffers[];
}

export function candidate(draft: Draft, costs: DraftCosts, maxInFlight: number | null): Candidate {
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
    inFlight: orders.map(peakInFlight),
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

export function memoryOf(request: PlanRequest, draft: Draft, chosen: Candidate): readonly StageMemory[] {
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

export function fits(request: PlanRequest, draft: Draft, memory: readonly StageMemory[]): boolean {
  return memory.every(
    ({ total }, stage) =>
      total <= (request.devices[draft.stages[stage]!.device]!.memoryBytes ?? Number.POSITIVE_INFINITY),
  );
}
