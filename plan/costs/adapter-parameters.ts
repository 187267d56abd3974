import { type LayerRange, layersWith } from "../actions/stage-layers.ts";
import type { Architecture } from "../documents/architecture.ts";
import { copiesOf, projectionShape } from "../documents/projections.ts";
import type { PlannedJob } from "../documents/segment.ts";

/** A job, as far as the size of its adapter follows from it. */
interface AdaptedJob {
  readonly adapter: Pick<PlannedJob["adapter"], "rank" | "targets">;
}

/** Parameters of a job's adapter on a stage: A [rank, in] and B [out, rank] for each target of each layer, and each expert's. */
export function adapterParameters(arch: Architecture, range: LayerRange, job: AdaptedJob): number {
  let parameters = 0;
  for (const target of job.adapter.targets) {
    const { in: inFeatures, out: outFeatures } = projectionShape(arch, target);
    const matrices = layersWith(arch, range, target) * copiesOf(arch, target);
    parameters += matrices * job.adapter.rank * (inFeatures + outFeatures);
  }
  return parameters;
}
