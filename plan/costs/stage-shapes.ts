import type { PlanBody } from "../documents/plan.ts";
import { pipelineJobs } from "../pipelines.ts";
import type { StageShape } from "./operators.ts";

/** What durations follow from: a plan, or the draft of one. */
export type TimedWork = Pick<PlanBody, "groups" | "jobs" | "microBatches" | "stages" | "pipelines" | "devices"> & {
  readonly model: Pick<PlanBody["model"], "architecture" | "dtype">;
};

/** What the actions of each stage of a plan work on. A stage holds the adapters of its pipeline's jobs only. */
export function stageShapes(work: TimedWork): readonly StageShape[] {
  const { stages, pipelines, jobs } = work;
  const { architecture, dtype } = work.model;
  return pipelines.flatMap((pipeline) => {
    const residents = pipelineJobs(work, pipeline).map((job) => jobs[job]!);
    return stages
      .slice(pipeline.firstStage, pipeline.endStage)
      .map((stage): StageShape => ({ architecture, dtype, stage, jobs, residents }));
  });
}
