import type { Stop } from "./verdict.ts";

/** The best evaluation so far. */
export interface BestEvaluation {
  readonly loss: number;
  readonly iteration: number;
  /** Evaluations after it. */
  readonly since: number;
}

/** With an evaluation more. One counts as better where it is so by more than `minDelta` of the best. */
export function bestEvaluation(
  best: BestEvaluation | null,
  iteration: number,
  loss: number,
  minDelta: number,
): BestEvaluation {
  if (best === null || loss < best.loss - minDelta * Math.abs(best.loss)) return { loss, iteration, since: 0 };
  return { ...best, since: best.since + 1 };
}

/** So many evaluations in a row have bettered nothing (Prechelt 1998; Hugging Face's EarlyStoppingCallback). */
export function patience(best: BestEvaluation | null, evaluations: number): Stop | undefined {
  if (best === null || best.since < evaluations) return undefined;
  const { loss, iteration, since } = best;
  return {
    kind: "stop",
    rule: "patience",
    why: `${since} evaluations did not better the ${loss.toPrecision(4)} after iteration ${iteration}`,
  };
}
