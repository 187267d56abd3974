import { groupBy, maximum, mean, sum } from "../core/index.ts";
import type { CapacityObjective } from "../plan/index.ts";
import { type CapacityRequest, findCapacity, judgeInput } from "./find-capacity.ts";
import { type JudgedCandidate, type JudgeInput, judgeDraw } from "./judge-candidate.ts";
import { type Judgement, judgeBy } from "./judge-rule.ts";
import { GRAIN, objectiveValue } from "./objective.ts";

/** Kinds of one base model, which no slot can train beside another one: a question of its own. */
export interface Pool {
  readonly request: CapacityRequest;
  readonly input: JudgeInput;
}

/** Of a pool, those that meet its levels, the best first. */
class PoolSearch {
  readonly pool: Pool;
  #wanted = 2;
  #meets: readonly JudgedCandidate[] | undefined;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** All that were found so far. */
  get meets(): readonly JudgedCandidate[] {
    return this.#meets ?? [];
  }

  /** The one at a place, if there are so many; what was simulated for those before it is not simulated again. */
  async at(place: number): Promise<JudgedCandidate | undefined> {
    const { request, input } = this.pool;
    while (place >= this.#wanted) {
      this.#wanted *= 2;
      this.#meets = undefined;
    }
    this.#meets ??= (await findCapacity({ ...request, wanted: this.#wanted }, input)).meets;
    return this.#meets[place];
  }
}

/** The candidate of a pool, and all others that were found for it. */
interface PooledCandidate extends Pool {
  readonly judged: JudgedCandidate;
  readonly meets: readonly JudgedCandidate[];
}

/** The candidates of all pools, as they are together. */
export interface Apart {
  readonly pools: readonly PooledCandidate[];
  /** By draw of the first round, what they come to. */
  readonly draws: readonly { readonly cost: number; readonly kilowattHours: number }[];
  /** Of draws in which all of them keep their levels. */
  readonly judgement: Judgement;
  /** By the objective, on average over the draws. */
  readonly value: number;
}

/** What pools come to together: money and energy add up, of the levels the tightest counts. */
function combinedBy(objective: CapacityObjective): (values: readonly number[]) => number {
  return objective === "time" ? maximum : sum;
}

function together(pools: Apart["pools"]): Apart {
  const [{ request, input }] = pools as [PooledCandidate];
  const { objective } = request;
  const combined = combinedBy(objective);
  const all = input.draws.map((_, draw) => pools.map(({ judged }) => judged.draws[draw]!));
  return {
    pools,
    judgement: judgeBy(input.rule, (draw) =>
      pools.every(({ judged, input: own }) => (judged.draws[draw] ?? judgeDraw(judged, draw, own)).isKept),
    ),
    draws: all.map((parts) => ({
      cost: sum(parts.map(({ cost }) => cost.total)),
      kilowattHours: sum(parts.map(({ cost }) => cost.kilowattHours)),
    })),
    value: mean(
      all.map((parts) =>
        combined(parts.map((part, pool) => objectiveValue(objective, part, pools[pool]!.input.groups))),
      ),
    ),
  };
}

/** Combinations of candidates that are looked at, at most; the best of these where there are more that might be better. */
const MOST = 10_000;

/** Places in the lists of all pools, and what candidates there come to at least together. */
interface Combination {
  readonly places: readonly number[];
  readonly chosen: readonly JudgedCandidate[];
  readonly least: number;
}

/** The questions of a question, by base model. */
export function poolsOf(request: CapacityRequest): readonly Pool[] {
  return [...groupBy(request.kinds, ({ base }) => base).values()].map((kinds) => {
    const forecast = { ...request.forecast, kinds: kinds.map(({ kind }) => kind) };
    const own = { ...request, forecast, kinds };
    return { request: own, input: judgeInput(own) };
  });
}

/**
 * The best machines where the kinds of each base model have some of their own: all keep their levels in enough of the
 * draws at once. Undefined for one base model, and where there are none. Pools go their own ways, so combinations are
 * looked at in the order of what their parts come to.
 */
export async function findApart(request: CapacityRequest): Promise<Apart | undefined> {
  const bases = new Set(request.kinds.map(({ base }) => base));
  if (bases.size < 2) return undefined;
  const pools = poolsOf(request);
  const searches = pools.map((pool) => new PoolSearch(pool));
  const combined = combinedBy(request.objective);
  const at = async (places: readonly number[]): Promise<Combination | undefined> => {
    const chosen: JudgedCandidate[] = [];
    for (const [pool, search] of searches.entries()) {
      const found = await search.at(places[pool]!);
      if (found === undefined) return undefined;
      chosen.push(found);
    }
    return { places, chosen, least: combined(chosen.map(({ value }) => value)) };
  };
  const first = await at(pools.map(() => 0));
  const queue = first === undefined ? [] : [first];
  const known = new Set(queue.map(({ places }) => places.join()));
  let best: Apart | undefined;
  for (let count = 0; queue.length > 0 && count < MOST; count += 1) {
    queue.sort((a, b) => a.least - b.least || sum(a.places) - sum(b.places));
    const { places, chosen, least } = queue.shift()!;
    if (best !== undefined && least > best.value - GRAIN[request.objective]) break;
    const apart = together(searches.map(({ pool, meets }, index) => ({ ...pool, judged: chosen[index]!, meets })));
    if (apart.judgement.meets && (best === undefined || apart.value < best.value)) best = apart;
    for (const [pool] of pools.entries()) {
      const next = places.map((place, index) => (index === pool ? place + 1 : place));
      if (known.has(next.join())) continue;
      known.add(next.join());
      const combination = await at(next);
      if (combination !== undefined) queue.push(combination);
    }
  }
  return best;
}
