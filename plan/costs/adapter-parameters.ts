import { type Architecture, halfOf, projectionShape } from "../documents/architecture.ts";
import type { PlannedJob } from "../documents/segment.ts";
import { halfCounts, type LayerRange } from "../stage-layers.ts";

/** Parameters of a job's adapter on a stage: A [rank, in] and B [out, rank] for each target of each layer. */
export function adapterParameters(arch: Architecture, range: LayerRange, job: Pick<PlannedJob, "adapter">): number {
  const counts = halfCounts(range);
  let parameters = 0;
  for (const target of job.adapter.targets) {
    const { in: inFeatures, out: outFeatures } = projectionShape(arch, target);
    parameters += counts[halfOf(target)] * job.adapter.rank * (inFeatures + outFeatures);
  }
  return parameters;
}
