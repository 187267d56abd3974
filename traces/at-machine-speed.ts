import type { SystemCounts } from "../plan/index.ts";

/** One device of a run against how it was when it was calibrated. */
export interface DeviceSlowness {
  readonly name: string;
  /** Share of its actions' time in which its threads did not have their cores; absent where nobody counted. */
  readonly interrupted?: number;
  readonly interruptedWhenCalibrated?: number;
  /** How much longer than when calibrated a product took, and a copy: 0.06 is 6 % longer. */
  readonly productsSlower: number;
  readonly memorySlower: number;
}

/** What the costs predict for the machine as it was during a run. */
export interface AtMachineSpeed {
  readonly makespanSeconds: number;
  readonly devices: readonly DeviceSlowness[];
  /** What the system counted during the run. */
  readonly system?: SystemCounts;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 && share > 0 ? 1 : 0)} %`;
}

function slower(what: string, share: number): readonly string[] {
  if (Math.abs(share) < 0.005) return [];
  return [`${what} ${percent(Math.abs(share))} ${share > 0 ? "slower" : "faster"}`];
}

/**
 * What was the machine's doing, a line a device: "cpu:0 interrupted 31 % of the time (2 % when calibrated), products 6
 * % slower".
 */
export function machineLines({ devices }: AtMachineSpeed): readonly string[] {
  return devices.map(({ name, interrupted, interruptedWhenCalibrated, productsSlower, memorySlower }) => {
    const before =
      interruptedWhenCalibrated === undefined ? "" : ` (${percent(interruptedWhenCalibrated)} when calibrated)`;
    const parts = [
      ...(interrupted === undefined ? [] : [`interrupted ${percent(interrupted)} of the time${before}`]),
      ...slower("products", productsSlower),
      ...slower("memory", memorySlower),
    ];
    return `${name} ${parts.length === 0 ? "as when calibrated" : parts.join(", ")}`;
  });
}
