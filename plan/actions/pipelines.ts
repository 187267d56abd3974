import { largestRanks, type SitedAdapter } from "../documents/adapter-sites.ts";
import type { Architecture } from "../documents/architecture.ts";
import { ADAPTED, PROJECTIONS, type Projection } from "../documents/projections.ts";
import type { MicroBatch, PlannedGroup, PlannedJob, Work } from "../documents/segment.ts";
import type { PlannedPipeline, Room, Setting } from "../documents/setting.ts";
import { jobsOfGroup, largestSizes } from "./mini-batch.ts";

/** Which stages are of which pipeline, and where each begins and ends. Stage numbers are the plan's. */
export interface PipelineTable {
  readonly pipelines: readonly PlannedPipeline[];
  ofStage(stage: number): PlannedPipeline;
  /** Whether a stage begins its pipeline, where embeddings and forwards begin and backwards end. */
  isFirst(stage: number): boolean;
  /** Whether a stage ends its pipeline, where the head and the loss are. */
  isLast(stage: number): boolean;
}

export function pipelineTable({ pipelines }: Pick<Setting, "pipelines">): PipelineTable {
  const byStage: PlannedPipeline[] = [];
  for (const pipeline of pipelines)
    for (let stage = pipeline.firstStage; stage < pipeline.endStage; stage += 1) byStage[stage] = pipeline;
  return {
    pipelines,
    ofStage: (stage) => byStage[stage]!,
    isFirst: (stage) => byStage[stage]!.firstStage === stage,
    isLast: (stage) => byStage[stage]!.endStage === stage + 1,
  };
}

/** Names of a pipeline's devices, by stage. */
export function devicesOfPipeline(
  { pipelines, stages, devices }: Pick<Setting, "pipelines" | "stages" | "devices">,
  pipeline: number,
): readonly string[] {
  const { firstStage, endStage } = pipelines[pipeline]!;
  return stages.slice(firstStage, endStage).map(({ device }) => devices[device]!.name);
}

/** The room that some jobs need on a model whose micro-batches are at most so large. */
export function roomOf(
  arch: Architecture,
  jobs: readonly { readonly adapter: SitedAdapter }[],
  sizes: Pick<Room, "maxTokens" | "maxSequence" | "sample">,
): Room {
  const ofJobs = jobs.map(({ adapter }) => largestRanks(adapter, arch));
  const ranks: Partial<Record<Projection, number>> = {};
  for (const projection of ADAPTED) {
    const most = Math.max(0, ...ofJobs.map((own) => own[projection] ?? 0));
    if (most > 0) ranks[projection] = most;
  }
  const dora = PROJECTIONS.filter((projection) =>
    jobs.some(({ adapter }, job) => adapter.dora === true && ofJobs[job]![projection] !== undefined),
  );
  return { ...sizes, maxJobs: jobs.length, ranks, ...(dora.length === 0 ? {} : { dora }) };
}

/** Whether adapters of a pipeline may have rows of the embedding. */
export function trainsEmbedding({ ranks }: Pick<Room, "ranks">): boolean {
  return ranks.embed_tokens !== undefined;
}

/** Whether the layouts of a pipeline have room for a job's adapter. */
export function fitsAdapter(
  arch: Architecture,
  { adapter }: Pick<PlannedJob, "adapter">,
  { ranks, dora = [] }: Pick<Room, "ranks" | "dora">,
): boolean {
  const own = Object.entries(largestRanks(adapter, arch)) as [Projection, number][];
  return own.every(
    ([projection, rank]) =>
      rank <= (ranks[projection] ?? 0) &&
      (adapter.dora !== true || projection === "embed_tokens" || dora.includes(projection)),
  );
}

/** The one pipeline of a plan whose stages are a single chain, with room for its work. */
export function onePipeline(
  arch: Architecture,
  numStages: number,
  { jobs, microBatches }: Pick<Work, "jobs" | "microBatches">,
): PlannedPipeline[] {
  return [{ firstStage: 0, endStage: numStages, room: roomOf(arch, jobs, largestSizes(microBatches)) }];
}

type Grouped = { readonly groups: readonly Pick<PlannedGroup, "pipeline" | "members">[] };

/** Indices of the groups of a pipeline, ascending. */
export function pipelineGroups({ groups }: Grouped, pipeline: number): readonly number[] {
  return groups.flatMap((group, index) => (group.pipeline === pipeline ? [index] : []));
}

/** Indices of the jobs that a pipeline trains, ascending. */
export function pipelineJobs({ groups }: Grouped, pipeline: number): readonly number[] {
  const jobs = new Set(groups.flatMap((group) => (group.pipeline === pipeline ? jobsOfGroup(group) : [])));
  return [...jobs].sort((a, b) => a - b);
}

/** The micro-batches that pass through a pipeline, in order. */
export function pipelineMicroBatches(
  { groups, microBatches }: Pick<Work, "groups" | "microBatches">,
  pipeline: number,
): readonly MicroBatch[] {
  return microBatches.filter(({ group }) => groups[group]!.pipeline === pipeline);
}
