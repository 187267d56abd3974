import { writeFileSync } from "node:fs";
import path from "node:path";
import { constantCalibration } from "../plan/index.ts";

/**
 * Costs to order actions by where nothing has been measured yet, on any card, written as a calibration file into the
 * folder; returns its path.
 */
export function writeConstantCosts(folder: string): string {
  const file = path.join(folder, "constant-costs.json");
  writeFileSync(file, JSON.stringify(constantCalibration()));
  return file;
}
