import type { Context } from "../../files/index.ts";
import type { SolvePackings } from "../../plan/index.ts";
import { inWorkers } from "../in-workers.ts";

/** Solves packings in threads. */
export function solvePackings(context: Context): SolvePackings {
  return (problems) =>
    context.during("packing rows", () =>
      inWorkers(
        "packing",
        {},
        problems.map((problem) => ({ problem })),
      ),
    );
}
