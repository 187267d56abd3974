import type { BestLoss } from "./best-loss.ts";
import type { Stop } from "./verdict.ts";

/** So many evaluations in a row have bettered nothing (Prechelt 1998; Hugging Face's EarlyStoppingCallback). */
export function patience(best: BestLoss | null, evaluations: number): Stop | undefined {
  if (best === null || best.since < evaluations) return undefined;
  const { loss, iteration, since } = best;
  return {
    kind: "stop",
    rule: "patience",
    why: `${since} evaluations did not better the ${loss.toPrecision(4)} after iteration ${iteration}`,
  };
}
