import { type PlanBody, pipelineJobs } from "../plan/index.ts";
import type { TraceEvent, TraceStream } from "./trace.ts";

/** A pipeline as a trace shows it: the stages from its first one to the next pipeline's. */
export interface TracePipeline {
  readonly firstStage: number;
  /** The job whose steps bound its steady region; undefined where nothing goes forward. */
  readonly firstJob: string | undefined;
}

/** The pipelines of a plan, each with the first of its jobs. */
export function planPipelines(plan: Pick<PlanBody, "pipelines" | "groups" | "jobs">): readonly TracePipeline[] {
  return plan.pipelines.map(({ firstStage }, pipeline) => ({
    firstStage,
    // Of the rest of a run, a pipeline whose jobs have ended has none.
    firstJob: plan.jobs[pipelineJobs(plan, pipeline)[0] ?? -1]?.name,
  }));
}

/**
 * Those that the events alone tell: a pipeline begins where micro-batches go forward first, and its first job is the
 * one that it begins with.
 */
export function tracePipelines({ events }: Pick<TraceStream, "events">): readonly TracePipeline[] {
  const firstStages: number[] = [];
  const earliest: TraceEvent[] = [];
  for (const event of events) {
    if (event.stream !== "compute" || event.letter !== "F") continue;
    const { stage, microBatch, startNs } = event;
    firstStages[microBatch] = Math.min(stage, firstStages[microBatch] ?? stage);
    if (earliest[stage] === undefined || startNs < earliest[stage].startNs) earliest[stage] = event;
  }
  const distinct = [...new Set(firstStages.filter((stage) => stage !== undefined))].sort((a, b) => a - b);
  return distinct.length === 0
    ? [{ firstStage: 0, firstJob: undefined }]
    : distinct.map((firstStage) => ({ firstStage, firstJob: earliest[firstStage]!.jobs[0] }));
}

/** The devices of each pipeline, as far as they did something, in the order of their stages. */
export function pipelineDevices({ events }: Pick<TraceStream, "events">): readonly (readonly number[])[] {
  const pipelines = tracePipelines({ events });
  const pipelineOf = pipelineOfStage(pipelines);
  const devices = pipelines.map(() => new Set<number>());
  const deviceOfStage: number[] = [];
  for (const { stream, stage, device } of events) if (stream === "compute") deviceOfStage[stage] ??= device;
  deviceOfStage.forEach((device, stage) => {
    devices[pipelineOf(stage)]!.add(device);
  });
  return devices.map((own) => [...own]);
}

/** The pipeline of a stage, as an index. */
export function pipelineOfStage(pipelines: readonly TracePipeline[]): (stage: number) => number {
  const known: number[] = [];
  return (stage) => {
    known[stage] ??= Math.max(
      0,
      pipelines.findLastIndex(({ firstStage }) => firstStage <= stage),
    );
    return known[stage];
  };
}
