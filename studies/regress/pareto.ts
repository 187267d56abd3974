import { groupBy, mean } from "../../core/index.ts";
import { type ComparedGolden, isMoved } from "./compare-goldens.ts";
import { FIGURES } from "./figures.ts";
import type { SeenGolden } from "./seen-golden.ts";

/** What a policy is weighed by: one that is no worse in any is no worse. */
const OBJECTIVES = ["meanTurnaroundSeconds", "makespanSeconds", "fairness", "workSeconds"] as const;
/** A share that nobody notices. */
const NOTICED = 0.005;

/** How a policy compares with another one in one objective. */
export interface WeighedObjective {
  readonly name: string;
  /** On average over the golden workloads, the factor by which it is larger; and how many are better and worse in it. */
  readonly factor: number;
  readonly numBetter: number;
  readonly numWorse: number;
}

export interface PolicyVerdict {
  readonly kind: "better" | "worse" | "trade-off" | "same";
  readonly objectives: readonly WeighedObjective[];
}

function isBetter({ name, factor }: WeighedObjective): boolean {
  return FIGURES[name]!.better === "less" ? factor < 1 - NOTICED : factor > 1 + NOTICED;
}

function isWorse({ name, factor }: WeighedObjective): boolean {
  return FIGURES[name]!.better === "less" ? factor > 1 + NOTICED : factor < 1 - NOTICED;
}

/**
 * A policy beside another one: better where it gains in an objective and loses in none (Pareto), worse the other way
 * round, else a trade-off, which nobody but its users can decide.
 */
export function weighPolicies(goldens: readonly Pick<ComparedGolden, "figures">[]): PolicyVerdict {
  const objectives = OBJECTIVES.flatMap((name): WeighedObjective[] => {
    const own = goldens.flatMap(({ figures }) => figures.filter((figure) => figure.name === name && figure.before > 0));
    if (own.length === 0) return [];
    return [
      {
        name,
        factor: Math.exp(mean(own.map(({ before, now }) => Math.log(Math.max(now, 1e-12) / before)))),
        numBetter: own.filter(({ loss }) => loss < -NOTICED).length,
        numWorse: own.filter(({ loss }) => loss > NOTICED).length,
      },
    ];
  });
  const [gains, loses] = [objectives.some(isBetter), objectives.some(isWorse)];
  return { kind: gains ? (loses ? "trade-off" : "better") : loses ? "worse" : "same", objectives };
}

/** A policy of golden workloads that moved, now against before. */
export interface MovedPolicy extends PolicyVerdict {
  /** Its name, or its file. */
  readonly policy: string;
  /** That ran with it before and now. */
  readonly numGoldens: number;
}

/** Each policy of which a golden workload moved, over all golden workloads with it that ran before and now. */
export function weighMovedPolicies(
  seen: readonly Pick<SeenGolden, "golden">[],
  goldens: readonly ComparedGolden[],
): readonly MovedPolicy[] {
  const policies = new Map(seen.map(({ golden: { name, options } }) => [name, options["policy"]]));
  return [...groupBy(goldens, ({ name }) => policies.get(name))].flatMap(([policy, own]) => {
    const ran = own.filter(({ figures }) => figures.length > 0);
    if (typeof policy !== "string" || ran.length === 0 || !ran.some(isMoved)) return [];
    return [{ policy, numGoldens: ran.length, ...weighPolicies(ran) }];
  });
}
