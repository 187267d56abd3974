import { sum } from "../../core/index.ts";
import { adaptedTokens, type JobSegment, type Numbered } from "../actions/mini-batch.ts";
import type { LayerRange } from "../actions/stage-layers.ts";
import { stageSites } from "../actions/stage-sites.ts";
import type { Architecture } from "../documents/architecture.ts";
import { layerProjections, loraGroup, type Projection, projectionShape } from "../documents/projections.ts";
import type { PlannedJob } from "../documents/segment.ts";
import { elementwise, matmul, type OperatorCall } from "./operator-calls.ts";

/** What the operators of magnitudes on a stage follow from. */
interface MagnitudeShape {
  readonly architecture: Architecture;
  readonly stage: LayerRange;
  readonly jobs: Numbered<Pick<PlannedJob, "adapter" | "loss">>;
  readonly dora?: readonly Projection[];
}

/** Magnitudes on the outputs of each projection, so often: read and written as by a sum. */
export function magnitudes(
  { architecture, jobs, dora = [] }: MagnitudeShape,
  segments: readonly JobSegment[],
  countOf: (projection: Projection) => number,
): readonly { readonly projection: Projection; readonly call: OperatorCall }[] {
  return dora.map((projection) => {
    const own = segments.filter(({ job }) => {
      const { adapter } = jobs[job]!;
      return adapter.dora === true && adapter.targets.includes(projection);
    });
    const rows = sum(own.map((segment) => adaptedTokens(segment, jobs[segment.job]!)));
    const { out } = projectionShape(architecture, projection);
    return { projection, call: elementwise("add", "F", rows * out, rows, countOf(projection)) };
  });
}

/** What an update does for the magnitudes of jobs: the base's matrices are multiplied by the rows of A. */
export function normOperators(
  { architecture, stage, jobs }: MagnitudeShape,
  jobIndices: readonly number[],
): readonly OperatorCall[] {
  const sites = jobIndices.flatMap((job) => stageSites(jobs[job]!.adapter, architecture, stage));
  return sites
    .filter(({ dora }) => dora)
    .map(({ layer, projection, rank }) => {
      const product = layerProjections(architecture, layer).filter((own) => loraGroup(projection).includes(own));
      const outputs = sum(product.map((own) => projectionShape(architecture, own).out));
      return matmul("F", rank, projectionShape(architecture, projection).in, outputs, 1);
    });
}
