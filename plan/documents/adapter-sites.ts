import { InputError } from "../../core/index.ts";
import type { Architecture } from "./architecture.ts";
import { halfOf, PROJECTIONS, type Projection, targetsOn } from "./projections.ts";
import type { AdapterSpec } from "./workload.ts";

/** Where a projection of a layer is in a model: its name in a checkpoint, without `.weight`. */
export function projectionPath({ layerNames }: Architecture, layer: number, projection: Projection): string {
  const blocks = { attention: "self_attn", mlp: layerNames?.mlp ?? "mlp" };
  return `model.layers.${layer}.${blocks[halfOf(projection)]}.${projection}`;
}

/** A projection of a layer that an adapter is on: A is [rank, in], B [out, rank]. */
export interface AdapterSite {
  readonly layer: number;
  readonly projection: Projection;
  readonly rank: number;
  readonly alpha: number;
  /** What B A x is multiplied by. */
  readonly scale: number;
}

/** What of an adapter its sites follow from. */
export type SitedAdapter = Pick<AdapterSpec, "rank" | "alpha" | "targets" | "rslora" | "rankPattern" | "alphaPattern">;

/** Regular expressions that end soon on names of a few dozen letters: no repeated groups, and few repetitions. */
const HARMLESS = /^(?!.*\)[*+{])(?:[^*+{]*[*+{]){0,4}[^*+{]*$/;

/** A text as a regular expression over the whole of a module's name; undefined where it is none. */
export function modulePattern(text: string): RegExp | undefined {
  if (text.length > 4096 || !HARMLESS.test(text)) return undefined;
  try {
    return new RegExp(`^(?:${text})$`);
  } catch {
    return undefined;
  }
}

/**
 * What a pattern has for each module. A key is a regular expression for the end of a name, from its start or from behind a
 * dot; of several the first counts. PEFT's files have the keys sorted, so they are tried in that order.
 * Source: get_pattern_key of peft 0.21.
 */
function matcher(pattern: Readonly<Record<string, number>> = {}): (path: string) => number | undefined {
  const entries = Object.keys(pattern)
    .sort()
    .map((key) => [modulePattern(`(?:.*\\.)?(?:${key})`), pattern[key]!] as const);
  return (path) => entries.find(([matches]) => matches?.test(path) === true)?.[1];
}

const known = new WeakMap<Architecture, WeakMap<SitedAdapter, readonly AdapterSite[]>>();

/** All sites of an adapter on a model, in the order of its flat layout: by layer, then in the order of projections. */
export function adapterSites(adapter: SitedAdapter, arch: Architecture): readonly AdapterSite[] {
  const ofModel = known.get(arch) ?? new WeakMap<SitedAdapter, readonly AdapterSite[]>();
  known.set(arch, ofModel);
  const before = ofModel.get(adapter);
  if (before !== undefined) return before;
  const [rankAt, alphaAt] = [matcher(adapter.rankPattern), matcher(adapter.alphaPattern)];
  const targets = PROJECTIONS.filter((projection) => adapter.targets.includes(projection));
  const sites = Array.from({ length: arch.numLayers }, (_, layer) =>
    targets.map((projection): AdapterSite => {
      const path = projectionPath(arch, layer, projection);
      const rank = rankAt(path) ?? adapter.rank;
      const alpha = alphaAt(path) ?? adapter.alpha;
      const scale = alpha / (adapter.rslora === true ? Math.sqrt(rank) : rank);
      return { layer, projection, rank, alpha, scale };
    }),
  ).flat();
  ofModel.set(adapter, sites);
  return sites;
}

/** The largest rank of an adapter on each projection; none where it has no adapter. */
export function largestRanks(adapter: SitedAdapter, arch: Architecture): Partial<Record<Projection, number>> {
  const ranks: Partial<Record<Projection, number>> = {};
  for (const { projection, rank } of adapterSites(adapter, arch))
    ranks[projection] = Math.max(rank, ranks[projection] ?? 0);
  return ranks;
}

/** @throws InputError at a key of a pattern that no target matches */
function checkPatterns(adapter: SitedAdapter, arch: Architecture): void {
  const paths = adapterSites(adapter, arch).map(({ layer, projection }) => projectionPath(arch, layer, projection));
  for (const at of ["rankPattern", "alphaPattern"] as const)
    for (const key of Object.keys(adapter[at] ?? {})) {
      const matches = matcher({ [key]: 1 });
      if (!paths.some((path) => matches(path) !== undefined))
        throw new InputError({
          expected: "the end of a target's name, from a dot on, as a regular expression without repeated groups,",
          at,
          got: key,
          hint: `A target's name is such as ${paths[0]}.`,
        });
    }
}

/** Jobs with the targets that their adapters have on the model. @throws InputError by a job's place */
export function jobsOn<J extends { readonly adapter: SitedAdapter }>(arch: Architecture, jobs: readonly J[]): J[] {
  return jobs.map((job, index) => {
    try {
      const adapter = { ...job.adapter, targets: targetsOn(arch, job.adapter.targets) };
      checkPatterns(adapter, arch);
      return { ...job, adapter };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError({ ...error.facts, at: `jobs[${index}].adapter.${error.facts.at}` }, { cause: error });
    }
  });
}
