import { contentHash } from "../../core/index.ts";
import type { ExecutedGolden, Golden, GoldenBudget } from "../../plan/index.ts";
import type { ComparedGolden } from "../../studies/index.ts";
import type { LoadedGoldens } from "./load-goldens.ts";

interface Rules {
  readonly goldens: readonly Golden[];
  readonly budget: GoldenBudget;
  readonly executed: readonly ExecutedGolden[];
}

/** A golden workload that the change takes away, or that lets more pass than before. */
function loosened(name: string, guards: string, why: string, now: unknown): ComparedGolden {
  return {
    name,
    guards,
    verdict: "unexplained",
    figures: [],
    why: [why],
    outcome: contentHash([name, why, now]).slice(-12),
  };
}

/** Of golden workloads as a file had them, those that are not there any more, and those that let more pass. */
export function loosenedGoldens(
  before: Rules,
  now: Pick<LoadedGoldens, "goldens" | "budget" | "executed">,
): readonly ComparedGolden[] {
  const byName = new Map(now.goldens.map((golden) => [golden.name, golden]));
  const { cpu, memory } = now.budget;
  return [
    ...before.goldens.flatMap(({ name, guards, tolerance, anyOrder, byActions, options }) => {
      const own = byName.get(name);
      if (own === undefined) return [loosened(name, guards, "the change takes this golden workload away", null)];
      const reasons = [
        ...(own.tolerance > tolerance ? [`the change lets figures lose ${own.tolerance}, and not ${tolerance}`] : []),
        ...(anyOrder && !own.anyOrder ? ["the change does not look at the order of jobs any more"] : []),
        ...(byActions && !own.byActions ? ["the change does not look at its actions any more"] : []),
        ...(JSON.stringify(own.options) === JSON.stringify(options) ? [] : ["the change gives it other options"]),
      ];
      return reasons.map((why) => loosened(name, guards, why, own));
    }),
    ...before.executed.flatMap((was) => {
      const own = now.executed.find(({ name }) => name === was.name);
      if (own === undefined)
        return [loosened(was.name, was.guards, "the change does not train this workload any more", null)];
      const isSame = JSON.stringify({ ...own, guards: was.guards }) === JSON.stringify(was);
      return isSame ? [] : [loosened(was.name, was.guards, "the change trains it with other options", own)];
    }),
    ...(cpu > before.budget.cpu || memory > before.budget.memory
      ? [loosened("budget", "what planner and simulator take themselves", "the change raises the budget", now.budget)]
      : []),
  ];
}
