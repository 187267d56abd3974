import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

/** Costs to order actions by where nothing has been measured yet, on any card: a backward is two forwards. */
const CONSTANT = {
  kind: "calibration",
  version: 1,
  model: "constant",
  seconds: { F: 1, B: 2, transfer: 0, update: 0 },
};

/** Writes them as a calibration file into the folder and returns its path. */
export function writeConstantCosts(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "constant-costs.json");
  writeFileSync(file, JSON.stringify(CONSTANT));
  return file;
}
