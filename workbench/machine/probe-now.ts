import { type ProbedState, probedState } from "../../calibration/index.ts";
import { createSpeedProbe } from "../../exec/index.ts";
import { computeDtype, type PlanBody, stageRanks } from "../../plan/index.ts";

/**
 * How fast this machine is now, all devices of a plan at once; a moment later. Undefined for devices that are not the
 * processors of this machine.
 */
export async function probeNow(plan: Pick<PlanBody, "devices" | "stages" | "model">): Promise<ProbedState | undefined> {
  const devices = [...new Set(plan.stages.map(({ device }) => device))].map((device) => plan.devices[device]!);
  if (devices.some(({ kind }) => kind !== "cpu") || stageRanks(plan).some((rank) => rank !== 0)) return undefined;
  using probe = createSpeedProbe(devices);
  const atSeconds = 0;
  return probedState([{ atSeconds, devices: [...(await probe.measure())] }], computeDtype(plan.model.dtype));
}
