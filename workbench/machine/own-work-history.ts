import { median } from "../../core/index.ts";
import { type Calibration, type OwnWorkCosts, parseOwnWorkHistory } from "../../plan/index.ts";
import { historyLines, keepLine } from "./history-file.ts";
import { hostIdentity, isOfThisMachine } from "./host.ts";

const FILE = "own-work.jsonl";

/** The newest fleets that are asked. */
const ASKED = 20;

/** Adds what JavaScript did on this machine's cores for a fleet, where it is worth anything. */
export function keepOwnWork(costs: OwnWorkCosts): void {
  keepLine(FILE, { version: 2, time: new Date().toISOString(), host: hostIdentity(), ...costs });
}

/** What it does on the machine of a calibration, by fleets that ran there before; undefined where none is known. */
export function ownWorkOfMachine(calibration: Calibration): OwnWorkCosts | undefined {
  if (!isOfThisMachine(calibration)) return undefined;
  const host = hostIdentity();
  const seen = parseOwnWorkHistory(historyLines(FILE).join("\n"))
    .filter((line) => line.host === host)
    .slice(-ASKED);
  const [newest] = seen.slice(-1);
  if (newest === undefined) return undefined;
  const usual = (name: "perActionSeconds" | "burstSeconds"): number => median(seen.map((line) => line[name]));
  return { perActionSeconds: usual("perActionSeconds"), burstSeconds: usual("burstSeconds"), cores: newest.cores };
}
