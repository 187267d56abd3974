import type { BestLoss } from "./best-loss.ts";
import type { Stop } from "./verdict.ts";

/** So many evaluations in a row have bettered nothing (Prechelt 1998; Hugging Face's EarlyStoppingCallback). */
export function patience(best: BestLoss | null, evaluations: number, minDelta: number): Stop | undefined {
  if (best === null || best.since < evaluations) return undefined;
  const { loss, iteration, since } = best;
  const known = `the ${loss.toPrecision(4)} after iteration ${iteration}`;
  const beaten = (loss - minDelta * Math.abs(loss)).toPrecision(4);
  const below = minDelta === 0 ? known : `${beaten}, ${Number((100 * minDelta).toPrecision(4))} % under ${known}`;
  return { kind: "stop", rule: "patience", why: `${since} evaluations in a row were not below ${below}` };
}
