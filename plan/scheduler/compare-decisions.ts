import { groupBy } from "../../core/index.ts";
import type { Decision, JournalLine } from "./journal.ts";

/** A decision, and when it was made. */
export interface TimedDecision extends Decision {
  readonly atNs: number;
}

/** The first two decisions that differ; of one fleet where the other had no more. */
export interface PartedDecisions {
  readonly decisions: readonly [TimedDecision | undefined, TimedDecision | undefined];
  /**
   * How close it was: how much later each fleet decided what the other did in that place; undefined where it never did.
   */
  readonly laterNs: readonly [number | undefined, number | undefined];
}

/** Where the decisions of two fleets with the same jobs are the same, and where they part. */
export interface ComparedDecisions {
  /** Decisions of each. */
  readonly counts: readonly [number, number];
  /** So many of the first ones are the same in both, in the same order. */
  readonly numSame: number;
  /** The first that differ. Undefined where all are the same. */
  readonly parted: PartedDecisions | undefined;
  /** Names of jobs that something else was decided of, whatever was decided of others in between. */
  readonly otherwise: readonly string[];
}

function decisionsOf(lines: readonly JournalLine[]): readonly TimedDecision[] {
  return lines.flatMap(({ atNs, decisions }) => decisions.map((decision) => ({ ...decision, atNs })));
}

type Grouped = ReadonlyMap<number, readonly TimedDecision[]>;

/** Reasons may name times, which differ where clocks do. */
export function isSame(a: Decision | undefined, b: Decision | undefined): boolean {
  return a?.kind === b?.kind && a?.number === b?.number && a?.pipeline === b?.pipeline;
}

/** The place of the first that differ; undefined where all are the same. */
function partedAt(a: readonly Decision[], b: readonly Decision[]): number | undefined {
  const most = Math.max(a.length, b.length);
  for (let at = 0; at < most; at += 1) if (!isSame(a[at], b[at])) return at;
  return undefined;
}

function partedFrom(
  at: number,
  [a, b]: readonly [readonly TimedDecision[], readonly TimedDecision[]],
): PartedDecisions {
  const [own, other] = [a[at], b[at]];
  const later = (
    all: readonly TimedDecision[],
    here: TimedDecision | undefined,
    there: TimedDecision | undefined,
  ): number | undefined => {
    const then = there && all.slice(at).find((each) => isSame(each, there));
    return then === undefined || here === undefined ? undefined : then.atNs - here.atNs;
  };
  return { decisions: [own, other], laterNs: [later(a, own, other), later(b, other, own)] };
}

/**
 * What was decided in two fleets that were told of the same jobs, in order. `goesOn`: the first one has not come to its
 * end, so that what the second one decided beyond it says nothing.
 */
export function compareDecisions(
  first: readonly JournalLine[],
  second: readonly JournalLine[],
  { goesOn = false }: { readonly goesOn?: boolean } = {},
): ComparedDecisions {
  const [a, b] = [decisionsOf(first), decisionsOf(second)];
  const parting = (own: readonly Decision[], other: readonly Decision[]): number | undefined =>
    partedAt(own, goesOn ? other.slice(0, own.length) : other);
  const at = parting(a, b);
  const [own, others] = [a, b].map((all) => groupBy(all, ({ number }) => number)) as [Grouped, Grouped];
  const numbers = [...new Set([...own.keys(), ...(goesOn ? [] : others.keys())])].sort((x, y) => x - y);
  return {
    counts: [a.length, b.length],
    numSame: at ?? a.length,
    parted: at === undefined ? undefined : partedFrom(at, [a, b]),
    otherwise: numbers.flatMap((number) => {
      const [mine = [], theirs = []] = [own.get(number), others.get(number)];
      return parting(mine, theirs) === undefined ? [] : [(mine[0] ?? theirs[0])!.name];
    }),
  };
}
