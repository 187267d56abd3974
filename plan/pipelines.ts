import type { MicroBatch, PlanBody, PlannedPipeline } from "./documents/plan.ts";

/**
 * What belongs to which pipeline of a plan, and where each begins and ends. Stage, group and micro-batch numbers are
 * the plan's.
 */
export interface PipelineTable {
  readonly pipelines: readonly PlannedPipeline[];
  ofStage(stage: number): PlannedPipeline;
  ofGroup(group: number): PlannedPipeline;
  /** Whether a stage begins its pipeline, where embeddings and forwards begin and backwards end. */
  isFirst(stage: number): boolean;
  /** Whether a stage ends its pipeline, where the head and the loss are. */
  isLast(stage: number): boolean;
}

/** The one pipeline of a plan whose stages are a single chain. */
export function onePipeline(numStages: number, numGroups: number): PlannedPipeline[] {
  return [{ firstStage: 0, endStage: numStages, groups: Array.from({ length: numGroups }, (_, group) => group) }];
}

export function pipelineTable({ pipelines }: Pick<PlanBody, "pipelines">): PipelineTable {
  const byStage: PlannedPipeline[] = [];
  const byGroup: PlannedPipeline[] = [];
  for (const pipeline of pipelines) {
    for (let stage = pipeline.firstStage; stage < pipeline.endStage; stage += 1) byStage[stage] = pipeline;
    for (const group of pipeline.groups) byGroup[group] = pipeline;
  }
  return {
    pipelines,
    ofStage: (stage) => byStage[stage]!,
    ofGroup: (group) => byGroup[group]!,
    isFirst: (stage) => byStage[stage]!.firstStage === stage,
    isLast: (stage) => byStage[stage]!.endStage === stage + 1,
  };
}

/** Indices of the jobs that a pipeline trains, ascending. */
export function pipelineJobs({ groups }: Pick<PlanBody, "groups">, pipeline: PlannedPipeline): readonly number[] {
  return pipeline.groups.flatMap((group) => groups[group]!).sort((a, b) => a - b);
}

/** The micro-batches that pass through a pipeline, in order. */
export function pipelineMicroBatches(
  { microBatches }: Pick<PlanBody, "microBatches">,
  pipeline: PlannedPipeline,
): readonly MicroBatch[] {
  const groups = new Set(pipeline.groups);
  return microBatches.filter(({ group }) => groups.has(group));
}
