import { type AdapterSite, adapterSites, type SitedAdapter } from "../documents/adapter-sites.ts";
import type { Architecture } from "../documents/architecture.ts";
import { halfOf } from "../documents/projections.ts";
import { halvesBounds, type LayerRange } from "./stage-layers.ts";

const known = new WeakMap<readonly AdapterSite[], Map<number, readonly AdapterSite[]>>();

/** The sites of an adapter that a stage has, in the order of its flat layout there; one list for the same question. */
export function stageSites(adapter: SitedAdapter, arch: Architecture, range: LayerRange): readonly AdapterSite[] {
  const all = adapterSites(adapter, arch);
  const byRange = known.get(all) ?? new Map<number, readonly AdapterSite[]>();
  known.set(all, byRange);
  const [start, end] = halvesBounds(range);
  const key = start * 2 ** 16 + end;
  const before = byRange.get(key);
  if (before !== undefined) return before;
  const sites = all.filter(({ layer, projection }) => {
    const half = 2 * layer + (halfOf(projection) === "mlp" ? 1 : 0);
    return half >= start && half < end;
  });
  byRange.set(key, sites);
  return sites;
}
