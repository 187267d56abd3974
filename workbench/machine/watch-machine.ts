import { createSpeedProbe, watchSystem } from "../../exec/index.ts";
import type { CalibratedMachine, MachineProbe, ResolvedDevice } from "../../plan/index.ts";
import { hostIdentity } from "./host.ts";

/** How fast this machine is while something is measured on it. */
export interface MachineWatch {
  /** Measures all devices at once, while nothing else of the program runs. */
  probe(): Promise<void>;
  end(): Pick<CalibratedMachine, "host" | "probes" | "system">;
}

export function watchMachine(devices: readonly ResolvedDevice[]): MachineWatch {
  const startMs = performance.now();
  const counted = watchSystem();
  const probes: MachineProbe[] = [];
  return {
    async probe() {
      // Made anew each time, so that nothing of it is there while something is measured.
      using speed = createSpeedProbe(devices);
      const atSeconds = (performance.now() - startMs) / 1e3;
      probes.push({ atSeconds, devices: [...(await speed.measure())] });
    },
    end() {
      const system = counted();
      return { host: hostIdentity(), probes, ...(system === undefined ? {} : { system }) };
    },
  };
}
