import type { Stop } from "./verdict.ts";

/** A loss that is no number, or infinite, never becomes one again: the adapter has such numbers too. */
export function notFinite(what: "training" | "evaluation", loss: number | undefined): Stop | undefined {
  if (loss === undefined || Number.isFinite(loss)) return undefined;
  return { kind: "stop", rule: "not-finite", why: `its ${what} loss is ${loss}` };
}
