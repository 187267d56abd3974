import type { Plan } from "../../plan/index.ts";
import { atMachineSpeed } from "../../sim/index.ts";
import type { AtMachineSpeed, Trace } from "../../traces/index.ts";

/**
 * What a simulated run would have been on the machine as it was during the executed one. Only where the plan has the
 * costs that were simulated, and these and the run know how fast their machine was.
 */
export function machinePart(plan: Plan | undefined, traces: readonly Trace[]): AtMachineSpeed | undefined {
  const simulated = traces.find(({ source }) => source === "simulated");
  const executed = traces.find(({ source }) => source === "executed");
  if (plan === undefined || simulated === undefined || executed?.planHash !== plan.hash) return undefined;
  return plan.calibrationHash === simulated.calibrationHash ? atMachineSpeed(plan, executed) : undefined;
}
