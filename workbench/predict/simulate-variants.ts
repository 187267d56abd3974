import { withoutPruning } from "../../plan/index.ts";
import { type SimulateOptions, type SwitchedOff, simulateBlocking, simulateStream } from "../../sim/index.ts";
import type { TraceStream } from "../../traces/index.ts";

/** Whether something is switched off. */
export function isVariant(without: SwitchedOff): boolean {
  return Object.values(without).includes(true);
}

/** The plan in virtual time, without what is switched off. */
export function simulateVariant({ pruning, overlap }: SwitchedOff, options: SimulateOptions): TraceStream {
  const varied = pruning === true ? { ...options, ...withoutPruning(options.plan, options.costModel) } : options;
  return overlap === true ? simulateBlocking(varied) : simulateStream(varied);
}
