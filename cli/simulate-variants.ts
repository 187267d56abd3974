import { withoutPruning } from "../plan/index.ts";
import { type SimulateOptions, type SwitchedOff, simulateBlocking, simulateStream } from "../sim/index.ts";
import type { TraceStream } from "../traces/index.ts";
import type { Arguments } from "./command.ts";
import type { OptionTable } from "./option-table.ts";

/** Switched off to see what it gives. */
export const OVERLAP_OPTION = {
  overlap: {
    type: "boolean",
    default: true,
    describe: "transfers beside computation; with --no-overlap they take the compute streams of both sides",
  },
} as const satisfies OptionTable;

export const VARIANT_OPTIONS = {
  ...OVERLAP_OPTION,
  pruning: {
    type: "boolean",
    default: true,
    describe: "adapters' rows added in place; --no-pruning splits and concatenates around every LoRA operator",
  },
} as const satisfies OptionTable;

/** What is switched off. */
export function switchedOff(args: Arguments): SwitchedOff {
  return { overlap: args["overlap"] === false, pruning: args["pruning"] === false };
}

/** Whether something is. */
export function isVariant(args: Arguments): boolean {
  return Object.values(switchedOff(args)).includes(true);
}

/** The plan in virtual time, with what the options switch off. */
export function simulateVariant(args: Arguments, options: SimulateOptions): TraceStream {
  const varied =
    args["pruning"] === false ? { ...options, ...withoutPruning(options.plan, options.costModel) } : options;
  return args["overlap"] === false ? simulateBlocking(varied) : simulateStream(varied);
}
