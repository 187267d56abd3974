import { machineState, probedState, type SeenRun } from "../../calibration/index.ts";
import { computeDtype, type MachineHistoryLine, type Plan, parseMachineHistory } from "../../plan/index.ts";
import type { Trace } from "../../traces/index.ts";
import { historyLines, keepLine } from "./history-file.ts";
import { hostIdentity } from "./host.ts";

const FILE = "machine-speed.jsonl";

/** Whose speed is asked for: devices of a type on a host, for products of a dtype. */
type SpeedOf = Pick<MachineHistoryLine, "host" | "dtype" | "type">;

/** How fast a machine was before; nothing of another machine than this one. The newest last. */
export function speedHistory({ host, dtype, type }: SpeedOf): readonly SeenRun[] {
  const now = Date.now();
  return parseMachineHistory(historyLines(FILE).join("\n"))
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
  keepLine(FILE, { version: 3, time: new Date().toISOString(), host: hostIdentity(), ...line });
}
