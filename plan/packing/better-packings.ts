import { contentHash } from "../../core/index.ts";
import { leastLongest, longestOf, type Packing, type PackingProblem, packGreedily } from "./pack-rows.ts";

/** The solver is asked where the longest micro-batch is so much longer than it has to be, and so many times. */
const WORTH = 0.01;
const MOST_PROBLEMS = 16;
const MOST_ROWS = 40;

/** Solves problems, one packing for each. */
export type SolvePackings = (problems: readonly PackingProblem[]) => Promise<readonly Packing[]>;

/**
 * What packs rows is pure and does not wait, and a solver is neither: so the work is done with greedy packings, those
 * that are worth it are solved, and the work is done again with these.
 */
export async function withBetterPackings<T>(
  work: (pack: (problem: PackingProblem) => Packing) => T,
  solve: SolvePackings,
): Promise<T> {
  const asked = new Map<string, PackingProblem>();
  const first = work((problem) => {
    const packing = packGreedily(problem);
    const excess = longestOf(problem, packing) / leastLongest(problem, packing.length) - 1;
    if (excess > WORTH && asked.size < MOST_PROBLEMS && problem.lengths.length <= MOST_ROWS)
      asked.set(contentHash(problem), problem);
    return packing;
  });
  if (asked.size === 0) return first;
  const solved = await solve([...asked.values()]);
  const known = new Map([...asked.keys()].map((key, i) => [key, solved[i]!]));
  return work((problem) => known.get(contentHash(problem)) ?? packGreedily(problem));
}
