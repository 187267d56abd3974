import { sum } from "../../core/index.ts";
import type { LayerRange } from "../actions/stage-layers.ts";
import { stageSites } from "../actions/stage-sites.ts";
import type { AdapterSite, SitedAdapter } from "../documents/adapter-sites.ts";
import type { Architecture } from "../documents/architecture.ts";
import { type Projection, projectionShape } from "../documents/projections.ts";

/** A job, as far as the size of its adapter follows from it. */
interface AdaptedJob {
  readonly adapter: SitedAdapter;
}

/** By the sites of an adapter on a stage, which are one list as long as both are. */
const known = new WeakMap<readonly AdapterSite[], number>();

/** Parameters of a job's adapter on a stage: A [rank, in] and B [out, rank] for each target of each layer, and expert. */
export function adapterParameters(arch: Architecture, range: LayerRange, { adapter }: AdaptedJob): number {
  const sites = stageSites(adapter, arch, range);
  const before = known.get(sites);
  if (before !== undefined) return before;
  const parameters = sum(
    sites.map(({ projection, rank, experts }) => {
      const { in: inFeatures, out: outFeatures } = projectionShape(arch, projection);
      return experts * rank * (inFeatures + outFeatures);
    }),
  );
  known.set(sites, parameters);
  return parameters;
}

type Ranks = Readonly<Partial<Record<Projection, number>>>;

const knownRanks = new WeakMap<readonly AdapterSite[], Ranks>();

/** The mean rank of an adapter on each of its projections on a stage. */
export function meanRanks(arch: Architecture, range: LayerRange, { adapter }: AdaptedJob): Ranks {
  const sites = stageSites(adapter, arch, range);
  const before = knownRanks.get(sites);
  if (before !== undefined) return before;
  const ranks: Partial<Record<Projection, number>> = {};
  for (const projection of new Set(sites.map((site) => site.projection))) {
    const own = sites.filter((site) => site.projection === projection);
    ranks[projection] = sum(own.map(({ rank }) => rank)) / own.length;
  }
  knownRanks.set(sites, ranks);
  return ranks;
}
