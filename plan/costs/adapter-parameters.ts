import { groupBy, mean, sum } from "../../core/index.ts";
import type { LayerRange } from "../actions/stage-layers.ts";
import { stageSites } from "../actions/stage-sites.ts";
import type { AdapterSite, SitedAdapter } from "../documents/adapter-sites.ts";
import type { Architecture } from "../documents/architecture.ts";
import { type Projection, projectionShape } from "../documents/projections.ts";

/** A job, as far as the size of its adapter follows from it. */
interface AdaptedJob {
  readonly adapter: SitedAdapter;
}

type Ranks = Readonly<Partial<Record<Projection, number>>>;

/** What an adapter is on a stage. */
interface StageFacts {
  readonly parameters: number;
  readonly magnitudes: number;
  readonly ranks: Ranks;
}

/** By the sites of an adapter on a stage, which are one list as long as both are. */
const known = new WeakMap<readonly AdapterSite[], StageFacts>();

function factsOf(arch: Architecture, range: LayerRange, { adapter }: AdaptedJob): StageFacts {
  const sites = stageSites(adapter, arch, range);
  const before = known.get(sites);
  if (before !== undefined) return before;
  const parameters = sites.map(({ projection, rank, experts, dora }) => {
    const { in: inFeatures, out: outFeatures } = projectionShape(arch, projection);
    return experts * rank * (inFeatures + outFeatures) + (dora ? outFeatures : 0);
  });
  const ranks = [...groupBy(sites, ({ projection }) => projection)].map(
    ([projection, own]) => [projection, mean(own.map(({ rank }) => rank))] as const,
  );
  const magnitudes = sites.map(({ projection, dora }) => (dora ? projectionShape(arch, projection).out : 0));
  const facts = {
    parameters: sum(parameters),
    magnitudes: sum(magnitudes),
    ranks: Object.fromEntries(ranks) as Ranks,
  };
  known.set(sites, facts);
  return facts;
}

/**
 * Parameters of a job's adapter on a stage: A [rank, in] and B [out, rank] for each target of each layer, and expert, and
 * its magnitudes [out] where it has them.
 */
export function adapterParameters(arch: Architecture, range: LayerRange, job: AdaptedJob): number {
  return factsOf(arch, range, job).parameters;
}

/** Outputs of an adapter on a stage that have a magnitude. */
export function numMagnitudes(arch: Architecture, range: LayerRange, job: AdaptedJob): number {
  return factsOf(arch, range, job).magnitudes;
}

/** The mean rank of an adapter on each of its projections on a stage. */
export function meanRanks(arch: Architecture, range: LayerRange, job: AdaptedJob): Ranks {
  return factsOf(arch, range, job).ranks;
}
