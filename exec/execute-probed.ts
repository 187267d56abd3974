import { type MachineProbe, stageRanks } from "../plan/index.ts";
import { executePlan } from "./execute.ts";
import type { ExecuteInput, ExecuteResult } from "./execution.ts";
import { watchSystem } from "./machine-load.ts";
import { createSpeedProbe } from "./machine-speed.ts";
import { SAMPLE_EVERY_NS } from "./session-input.ts";

/**
 * `executePlan` with a probe of the machine before and after, samples of the devices' speed between actions, and what
 * the system counted, all of which the trace keeps.
 */
export async function executeProbed(input: ExecuteInput): Promise<ExecuteResult> {
  const { plan } = input;
  // Of several machines, the one that this process is on.
  const ranks = stageRanks(plan);
  const used = [...new Set(plan.stages.flatMap(({ device }, stage) => (ranks[stage] === 0 ? [device] : [])))];
  const taken: { readonly atMs: number; readonly devices: MachineProbe["devices"] }[] = [];
  const take = async (): Promise<void> => {
    // Made anew each time: what a GPU holds for a probe it would lack in the run.
    using probe = createSpeedProbe(used.map((device) => plan.devices[device]!));
    const atMs = performance.now();
    taken.push({ atMs, devices: [...(await probe.measure())] });
  };
  await take();
  const counted = watchSystem();
  let startMs = performance.now();
  const result = await executePlan({
    ...input,
    sampleEveryNs: SAMPLE_EVERY_NS,
    onEvent(event) {
      if (event.kind === "ready") startMs = performance.now();
      input.onEvent?.(event);
    },
  });
  const system = counted();
  await take();
  const probes = taken.map(({ atMs, devices }) => ({ atSeconds: (atMs - startMs) / 1e3, devices }));
  const { devices } = result.trace.machine ?? { devices: [] };
  const clocks = result.clocks.length === 0 ? {} : { clocks: [...result.clocks] };
  const machine = { probes, devices, ...(system === undefined ? {} : { system }), ...clocks };
  return { ...result, trace: { ...result.trace, machine } };
}
