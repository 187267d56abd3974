import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { machineState, probedState, type SeenRun } from "../../calibration/index.ts";
import { userCache, writeWholeFile } from "../../files/index.ts";
import { computeDtype, type MachineHistoryLine, type Plan, parseMachineHistory } from "../../plan/index.ts";
import type { Trace } from "../../traces/index.ts";
import { hostIdentity } from "./host.ts";

/** Lines that the file keeps, and how many it may have before the oldest go. */
const KEPT = 500;
const MOST = 600;

function historyFile(): string {
  return userCache("machine-speed.jsonl");
}

function readLines(): readonly string[] {
  try {
    return readFileSync(historyFile(), "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** Whose speed is asked for: devices of a type on a host, for products of a dtype. */
type SpeedOf = Pick<MachineHistoryLine, "host" | "dtype" | "type">;

/** How fast a machine was before; nothing of another machine than this one. The newest last. */
export function speedHistory({ host, dtype, type }: SpeedOf): readonly SeenRun[] {
  const now = Date.now();
  return parseMachineHistory(readLines().join("\n"))
    .filter((line) => line.host === host && line.dtype === dtype && line.type === type)
    .map((line) => ({ ...line, ageSeconds: Math.max(0, now - Date.parse(line.time)) / 1e3 }));
}

/**
 * Adds how fast this machine was during a run, not where devices of several types made it; a cache that cannot be
 * written is none.
 */
export function keepSpeed(plan: Plan, executed: Trace): void {
  const state = machineState(executed);
  const before = executed.machine?.probes.find(({ atSeconds }) => atSeconds < 0);
  const [type, ...otherTypes] = new Set(plan.stages.map(({ device }) => plan.devices[device]!.type));
  if (state === undefined || before === undefined || type === undefined || otherTypes.length > 0) return;
  const dtype = computeDtype(plan.model.dtype);
  const line: Omit<MachineHistoryLine, "version" | "time" | "host"> = {
    dtype,
    type,
    devices: plan.stages.length,
    ...state,
    probed: probedState([before], dtype),
  };
  const file = historyFile();
  const text = JSON.stringify({ version: 3, time: new Date().toISOString(), host: hostIdentity(), ...line });
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const lines = readLines();
    if (lines.length < MOST) appendFileSync(file, `${text}\n`);
    else writeWholeFile(file, [...lines.slice(1 - KEPT), text, ""].join("\n"));
  } catch {
    // No disk, no permission: the next prediction knows less.
  }
}
