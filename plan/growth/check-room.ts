import { maximum, PlanError } from "../../core/index.ts";
import { largestSizes } from "../actions/mini-batch.ts";
import { fitsAdapter } from "../actions/pipelines.ts";
import type { PlannedJob, PlannedRow } from "../documents/segment.ts";
import type { Room, Setting } from "../documents/setting.ts";

type SampleRoom = NonNullable<Room["sample"]>;

function hasRoomFor(needed: SampleRoom, room: SampleRoom | undefined): boolean {
  return room !== undefined && needed.sequences <= room.sequences && needed.tokens <= room.tokens;
}

/** What of some work a pipeline has to have room for. */
export interface WorkSizes extends Pick<Room, "maxTokens" | "maxSequence" | "sample"> {
  /** Jobs that share a micro-batch, at most. */
  readonly numJobs: number;
}

/** Of all these micro-batches. */
export function workSizes(parts: readonly (readonly PlannedRow[])[]): WorkSizes {
  const sizes = largestSizes(parts.map((rows) => ({ rows: [...rows] })));
  return { ...sizes, numJobs: maximum(parts.map((rows) => new Set(rows.map(([job]) => job)).size)) };
}

/**
 * Work is within what the layouts of a pipeline were made for, which never changes while it runs.
 * @throws PlanError for micro-batches or adapters that are larger
 */
export function checkSizes(
  setting: Pick<Setting, "pipelines" | "model">,
  pipeline: number,
  { jobs, sizes }: { readonly jobs: readonly PlannedJob[]; readonly sizes: WorkSizes },
): void {
  const { room } = setting.pipelines[pipeline]!;
  const { maxTokens, maxSequence, maxJobs, ranks, dora = [], sample } = room;
  if (sizes.maxTokens > maxTokens || sizes.maxSequence > maxSequence)
    throw new PlanError({
      expected: `micro-batches of at most ${maxTokens} tokens, and rows of at most ${maxSequence}`,
      got: `micro-batches of ${sizes.maxTokens}, and rows of ${sizes.maxSequence}`,
    });
  if (sizes.sample !== undefined && !hasRoomFor(sizes.sample, sample))
    throw new PlanError({
      expected:
        sample === undefined
          ? "a job without `sample`"
          : `a sample of at most ${sample.sequences} answers at a time (those of the base are some), each of at most ${sample.tokens} tokens with its prompt`,
      got: `${sizes.sample.sequences} answers of up to ${sizes.sample.tokens} tokens`,
      hint: "A fleet has the room that the jobs need with which it began.",
    });
  if (sizes.numJobs > maxJobs)
    throw new PlanError({ expected: `micro-batches that at most ${maxJobs} jobs share`, got: sizes.numJobs });
  const misfit = jobs.find((job) => !fitsAdapter(setting.model.architecture, job, room));
  if (misfit !== undefined)
    throw new PlanError({
      expected: `an adapter that the pipeline has room for: ${Object.entries(ranks)
        .map(
          ([projection, rank]) =>
            `rank ${rank} on ${projection}${dora.some((own) => own === projection) ? " with dora" : ""}`,
        )
        .join(", ")}`,
      got: `rank ${misfit.adapter.rank}${misfit.adapter.dora === true ? " with dora" : ""} on ${misfit.adapter.targets.join(", ")}, of job ${misfit.name}`,
    });
}
