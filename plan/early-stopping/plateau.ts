import { mean } from "../../core/index.ts";
import type { EarlyStopping } from "../documents/early-stopping.ts";
import { noiseOf, type RecentLosses } from "./recent-losses.ts";
import type { Stop } from "./verdict.ts";

/**
 * The training loss has stopped falling. Of the last W = `window` losses, with means m1 and m2 of their halves and the
 * noise s about them, also the upper end of the betterment from half to half is too small:
 *
 *     max(0, m1 - m2) + sigmas s sqrt(4 / W) < minDelta m1
 *
 * As PyTorch's ReduceLROnPlateau has it with a relative threshold, but of means, and with their standard error: where
 * the noise hides whether the loss falls, the rule says nothing.
 */
export function plateau(
  recent: RecentLosses,
  minDelta: number,
  { window, sigmas }: Exclude<EarlyStopping["plateau"], false>,
): Stop | undefined {
  if (recent.length < window) return undefined;
  const losses = recent.slice(-window);
  const half = Math.floor(window / 2);
  const [before, after] = [mean(losses.slice(0, half)), mean(losses.slice(-half))];
  const most = Math.max(0, before - after) + sigmas * noiseOf(losses) * Math.sqrt(2 / half);
  if (most >= minDelta * Math.abs(before)) return undefined;
  const share = ((100 * most) / Math.abs(before)).toFixed(2);
  return {
    kind: "stop",
    rule: "plateau",
    why: `its training loss fell by at most ${share} % from one half of the last ${window} iterations to the other`,
  };
}
