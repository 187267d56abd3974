import { mean } from "../core/index.ts";
import type { CalibratedMachine, MachineState } from "../plan/index.ts";
import { type RunMachine, speedBetween, type Trace } from "../traces/index.ts";

/** How fast a machine was over a whole run, its devices together; undefined where the run did not look. */
export function machineState(executed: Trace): MachineState | undefined {
  const devices: RunMachine["devices"] = executed.machine?.devices ?? [];
  const speeds = devices.flatMap(
    ({ samples }) => speedBetween(samples, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) ?? [],
  );
  if (speeds.length === 0) return undefined;
  const interrupted = mean(devices.map((device) => device.interrupted));
  return { product: mean(speeds.map(({ product }) => product)), interrupted: Math.min(interrupted, 0.999) };
}

/**
 * How many times as long a run takes in each of some states of a machine as a calibration of it predicts: by the rate of products, and by how often
 * its threads have their cores. Empty where the calibration did not look.
 */
export function machineMoves(
  { speed, interrupted = 0, states }: CalibratedMachine,
  seen: readonly MachineState[],
): readonly number[] {
  if (speed === undefined) return [];
  return [...states, ...seen].map(
    (state) => ((speed.product / state.product) * (1 - interrupted)) / (1 - state.interrupted),
  );
}
