import { InputError, PlanError, sum } from "../../core/index.ts";
import type { Trial } from "./candidate.ts";
import { type Division, mostActionsOf } from "./divisions.ts";
import { makespanOf } from "./limits.ts";
import { type Considered, fastestFirst, type SearchResult } from "./search.ts";
import { settleWhole } from "./settle-whole.ts";

/** Of a chain's ways, as their probe says them, those that are so much slower may still turn out to be the fastest. */
const PROBE_ERROR = 0.02;
/** Ways of a chain that are planned in full at most. */
const MOST_SETTLED = 4;
/** Actions of a way from which on the best one by the probe is enough: more of them take memory and time. */
const LONG = 2 ** 17;

/** The first of those that are the same work: cuts that differ by less than a row. */
function different(ways: readonly Considered[]): readonly Considered[] {
  return ways.filter(
    ({ wholeNs, unboundNs }, at) =>
      at === 0 || wholeNs !== ways[at - 1]!.wholeNs || unboundNs !== ways[at - 1]!.unboundNs,
  );
}

/** A division with a way of each chain planned in full. */
export interface SettledDivision {
  readonly division: Division;
  readonly trials: readonly Trial[];
}

interface SettledChain {
  readonly search: SearchResult;
  readonly trial: Trial;
}

/**
 * The ways of a chain that may be the fastest, planned in full: in the order of what the probe says, until that is more
 * than the best has come to. @throws PlanError where none fits, InputError where the fastest has too many actions
 */
function settledChain(search: SearchResult, isOneEnough: boolean, mostActions: number): readonly SettledChain[] {
  const { probe } = search;
  const ways = different(fastestFirst(search.considered));
  const settled = new Map<Considered, { readonly known: Considered; readonly trial: Trial }>();
  let most = isOneEnough ? 1 : MOST_SETTLED;
  let leastNs = Number.POSITIVE_INFINITY;
  let failure: PlanError | InputError | undefined;
  for (const way of ways.length === 0 ? [search.chosen] : ways) {
    if (way.wholeNs !== null && way.wholeNs > leastNs * (1 + PROBE_ERROR)) break;
    if (settled.size === most) break;
    try {
      const trial = settleWhole(way, probe, mostActions);
      if (sum(trial.ordered.orders.map(({ length }) => length)) > LONG) most = 1;
      const wholeNs = makespanOf(trial);
      settled.set(way, { known: { ...way, wholeNs }, trial });
      leastNs = Math.min(leastNs, wholeNs);
    } catch (error) {
      if (!(error instanceof PlanError || error instanceof InputError)) throw error;
      failure ??= error;
    }
  }
  if (settled.size === 0) throw failure;
  const considered = search.considered.map((way) => settled.get(way)?.known ?? way);
  return [...settled.values()]
    .sort((a, b) => a.known.wholeNs! - b.known.wholeNs!)
    .map(({ known, trial }) => ({ search: { considered, chosen: known, probe }, trial }));
}

function withChains(division: Division, chains: readonly SettledChain[]): SettledDivision {
  const found = division.chains.map(({ chain }, i) => ({ chain, search: chains[i]!.search }));
  const times = found.map(({ search }) => search.chosen.wholeNs!);
  const wholeNs = Math.max(...times);
  const slowest = found[times.indexOf(wholeNs)]!;
  return {
    division: { ...division, chains: found, wholeNs, request: slowest.chain.request, search: slowest.search },
    trials: chains.map(({ trial }) => trial),
  };
}

/**
 * A division planned in full: of one chain each way that may be the fastest, of several the fastest of each.
 * `isOneEnough`: the best way by the probe alone. @throws PlanError where one does not fit, InputError where one has too
 * many actions
 */
export function settleDivision(division: Division, isOneEnough: boolean): readonly SettledDivision[] {
  const mostActions = mostActionsOf(division.chains.length);
  const chains = division.chains.map(({ search }) => settledChain(search, isOneEnough, mostActions));
  const [only, ...others] = chains;
  if (others.length === 0) return only!.map((chain) => withChains(division, [chain]));
  return [
    withChains(
      division,
      chains.map(([fastest]) => fastest!),
    ),
  ];
}
