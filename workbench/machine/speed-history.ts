import { machineState, type ProbedState, probedState, type SeenRun } from "../../calibration/index.ts";
import {
  computeDtype,
  type MachineHistoryLine,
  type MachineState,
  type Plan,
  type PlanBody,
  parseMachineHistory,
} from "../../plan/index.ts";
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
 * Adds how fast this machine was during a run, and what a probe before it had said; not where devices of several types
 * made it. A cache that cannot be written is none.
 */
export function keepState(
  { devices, stages, model }: Pick<PlanBody, "devices" | "stages" | "model">,
  state: MachineState,
  probed: ProbedState,
): void {
  const [type, ...otherTypes] = new Set(stages.map(({ device }) => devices[device]!.type));
  if (type === undefined || otherTypes.length > 0) return;
  const line: Omit<MachineHistoryLine, "version" | "time" | "host"> = {
    dtype: computeDtype(model.dtype),
    type,
    devices: stages.length,
    ...state,
    probed,
  };
  keepLine(FILE, { version: 3, time: new Date().toISOString(), host: hostIdentity(), ...line });
}

/** The same of a plan's run, where it looked. */
export function keepSpeed(plan: Plan, executed: Trace): void {
  const state = machineState(executed);
  const before = executed.machine?.probes.find(({ atSeconds }) => atSeconds < 0);
  if (state === undefined || before === undefined) return;
  keepState(plan, state, probedState([before], computeDtype(plan.model.dtype)));
}
