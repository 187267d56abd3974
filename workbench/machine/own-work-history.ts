import { median } from "../../core/index.ts";
import { type Calibration, type OwnWorkCosts, parseOwnWorkHistory } from "../../plan/index.ts";
import { historyLines, keepLine } from "./history-file.ts";
import { hostIdentity, isOfThisMachine } from "./host.ts";

const FILE = "own-work.jsonl";

/** The newest fleets that are asked. */
const ASKED = 20;
/** With so many under a policy others are not asked: under some, JavaScript does nearly twice as much. */
const ENOUGH = 3;

/** Adds what JavaScript did on this machine's cores for a fleet, where it is worth anything. */
export function keepOwnWork(costs: OwnWorkCosts, policy: string): void {
  keepLine(FILE, { version: 3, time: new Date().toISOString(), host: hostIdentity(), policy, ...costs });
}

/**
 * What it does on the machine of a calibration, by fleets that ran there before, under the policy if enough of these are
 * known; undefined where none is.
 */
export function ownWorkOfMachine(calibration: Calibration, policy?: string): OwnWorkCosts | undefined {
  if (!isOfThisMachine(calibration)) return undefined;
  const host = hostIdentity();
  const all = parseOwnWorkHistory(historyLines(FILE).join("\n")).filter((line) => line.host === host);
  const alike = all.filter((line) => line.policy === policy);
  const seen = (alike.length < ENOUGH ? all : alike).slice(-ASKED);
  const [newest] = seen.slice(-1);
  if (newest === undefined) return undefined;
  const usual = (name: "perActionSeconds" | "burstSeconds"): number => median(seen.map((line) => line[name]));
  return { perActionSeconds: usual("perActionSeconds"), burstSeconds: usual("burstSeconds"), cores: newest.cores };
}
