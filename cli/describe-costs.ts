import { meanCostError } from "../calibration/index.ts";
import type { Calibration } from "../plan/index.ts";
import { percent } from "./output.ts";

function sourceOf(calibration: Exclude<Calibration, { readonly model: "constant" }>): string {
  switch (calibration.model) {
    case "layers":
      return calibration.source;
    case "measured":
      return `measured on ${calibration.device.description}, ${calibration.date}`;
    case "roofline":
      return `${percent(calibration.computeEfficiency, 0)} of the nominal peaks`;
  }
}

/**
 * Where times come from and how far off they are to be expected; undefined for constant times, which are what they say.
 */
export function costsText(calibration: Calibration): string | undefined {
  if (calibration.model === "constant") return undefined;
  return `times: ${sourceOf(calibration)}; about ${percent(meanCostError(calibration), 0)} off, up or down`;
}
