import type { RunCauses } from "./cause-sums.ts";
import { type CauseKey, causeOrder } from "./causes.ts";

/** Two times, and how much longer the second is. */
export interface TimePair {
  readonly ns: readonly [one: number, other: number];
  readonly differenceNs: number;
}

/** Why one run takes longer than another: the differences of its causes are that of the whole. */
export interface RunDifference {
  readonly makespan: TimePair;
  readonly causes: readonly (CauseKey & TimePair)[];
}

function pair(one: number, other: number): TimePair {
  return { ns: [one, other], differenceNs: other - one };
}

/** How much longer the other run is, by cause. */
export function differenceByCause(one: RunCauses, other: RunCauses): RunDifference {
  const keys = new Map<string, CauseKey>();
  const timesOf = ({ causes }: RunCauses): ReadonlyMap<string, number> =>
    new Map(
      causes.map(({ ns, ...key }) => {
        const text = `${key.cause} ${key.tokens}`;
        keys.set(text, key);
        return [text, ns];
      }),
    );
  const [a, b] = [timesOf(one), timesOf(other)];
  return {
    makespan: pair(one.makespanNs, other.makespanNs),
    causes: [...keys]
      .sort(([, first], [, second]) => causeOrder(first, second))
      .map(([text, key]) => ({ ...key, ...pair(a.get(text) ?? 0, b.get(text) ?? 0) })),
  };
}
