import { leastLongest, longestOf, type Packing, type PackingProblem, packGreedily } from "./pack-rows.ts";
import { betterPacking, packingModel } from "./packing-model.ts";

/**
 * What the solver may do for a packing: counted, not timed, so that the same problem has the same answer on every
 * machine. An answer counts as proven within a thousandth.
 */
const BUDGET = { mip_max_nodes: 100, simplex_iteration_limit: 100_000, mip_rel_gap: 0.001 } as const;
const QUIET = { threads: 1, random_seed: 0, output_flag: false } as const;

/** HiGHS, as far as packings ask it: an integer program in the LP format, and the values of its variables. */
export interface Solver {
  solve(
    model: string,
    options: typeof BUDGET & typeof QUIET,
  ): { readonly Status: string; readonly Columns: Readonly<Record<string, object>> };
}

/**
 * A packing that is better than the greedy one, by a solver, where it is proven within the budget and we see that it is
 * one; else the greedy one. As many micro-batches as that.
 */
export function solvedPacking(problem: PackingProblem, solver: Solver): Packing {
  // The model's rows are the longest first, since any one of the first row's places is as good as another.
  const order = problem.lengths.map((_, row) => row).sort((a, b) => problem.lengths[b]! - problem.lengths[a]! || a - b);
  const sorted = { ...problem, lengths: order.map((row) => problem.lengths[row]!) };
  const greedy = packGreedily(problem);
  const before = greedy.map((rows) => rows.map((row) => order.indexOf(row)));
  const count = greedy.length;
  const model = packingModel(sorted, count, leastLongest(problem, count), longestOf(problem, greedy));
  const solution = solver.solve(model, { ...BUDGET, ...QUIET });
  if (solution.Status !== "Optimal") return greedy;
  const columns = solution.Columns as Readonly<Record<string, { readonly Primal?: number } | undefined>>;
  const better = betterPacking(sorted, before, (name) => columns[name]?.Primal ?? 0);
  return better?.map((rows) => rows.map((row) => order[row]!).sort((a, b) => a - b)) ?? greedy;
}
