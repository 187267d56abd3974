import { edgeDtypes } from "../actions/message-bytes.ts";
import type { Numbered } from "../actions/mini-batch.ts";
import type { Projection } from "../documents/projections.ts";
import type { MicroBatch, PlannedGroup, PlannedJob } from "../documents/segment.ts";
import type { Setting } from "../documents/setting.ts";
import type { StageShape } from "./operators.ts";

/** What durations follow from: a plan, a segment of one, or the draft of one. */
export type TimedWork = Pick<Setting, "stages" | "pipelines" | "devices" | "links"> & {
  readonly model: Pick<Setting["model"], "architecture" | "dtype">;
  readonly groups: Numbered<PlannedGroup>;
  readonly jobs: Numbered<PlannedJob>;
  readonly microBatches: readonly MicroBatch[];
};

/** The projections that some adapter of the jobs is on. */
export function targetsOf(jobs: readonly Pick<PlannedJob, "adapter">[]): ReadonlySet<Projection> {
  return new Set(
    jobs.flatMap(({ adapter: { targets, trainableTokens } }): readonly Projection[] =>
      trainableTokens === undefined ? targets : [...targets, "embed_tokens"],
    ),
  );
}

/** What the actions of each stage of a plan work on. */
export function stageShapes({
  stages,
  pipelines,
  jobs,
  model,
  links,
}: Omit<TimedWork, "microBatches">): readonly StageShape[] {
  const { architecture, dtype } = model;
  return pipelines.flatMap(({ firstStage, endStage, room }) => {
    const targets = new Set(Object.keys(room.ranks) as Projection[]);
    return stages.slice(firstStage, endStage).map((stage, at): StageShape => {
      const edges = edgeDtypes({ model, links }, firstStage + at);
      return {
        architecture,
        dtype,
        edges,
        stage,
        jobs,
        targets,
        ...(room.dora === undefined ? {} : { dora: room.dora }),
      };
    });
  });
}
