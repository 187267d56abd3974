import type { Calibration } from "../plan/index.ts";
import { meanCostError } from "./cost-errors.ts";

/** Where times come from, as commands print it with --json. */
export function costsFacts(calibration: Calibration) {
  const { model } = calibration;
  const source = calibration.model === "layers" ? { source: calibration.source } : {};
  return { model, ...source, meanError: meanCostError(calibration) };
}
