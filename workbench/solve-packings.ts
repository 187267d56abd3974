import type { SolvePackings } from "../plan/index.ts";
import type { Context } from "./context.ts";
import { inWorkers } from "./in-workers.ts";

/** Solves packings in threads. */
export function solvePackings(context: Context): SolvePackings {
  return (problems) =>
    context.stage("packing rows", () =>
      inWorkers(
        "packing",
        {},
        problems.map((problem) => ({ problem })),
      ),
    );
}
