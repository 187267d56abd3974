import highsModule from "highs";
import { type Packing, type PackingProblem, solvedPacking } from "../../plan/index.ts";

/** The module is an ES module, whose types say that it is none. */
const loadHighs = highsModule as unknown as typeof highsModule.default;
let highs: ReturnType<typeof loadHighs> | undefined;

/** A packing by HiGHS. */
export async function solvePacking({ problem }: { readonly problem: PackingProblem }): Promise<Packing> {
  highs ??= loadHighs();
  return solvedPacking(problem, await highs);
}
