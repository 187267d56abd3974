import type { Argv } from "yargs";
import { InputError } from "../core/index.ts";
import { withoutPruning } from "../plan/index.ts";
import { type SimulateOptions, type SwitchedOff, simulateBlocking, simulateStream } from "../sim/index.ts";
import type { TraceStream } from "../traces/index.ts";
import type { Arguments } from "./command.ts";

/** What can be switched off to see what it gives. */
export function variantOptions(yargs: Argv): Argv {
  return yargs
    .option("overlap", {
      type: "boolean",
      default: true,
      describe: "transfers beside computation; with --no-overlap they take the compute streams of both sides",
    })
    .option("pruning", {
      type: "boolean",
      default: true,
      describe: "adapters' rows added in place; --no-pruning splits and concatenates around every LoRA operator",
    });
}

/** What is switched off. */
export function switchedOff(args: Arguments): SwitchedOff {
  return { overlap: args["overlap"] === false, pruning: args["pruning"] === false };
}

/** Whether something is. */
export function isVariant(args: Arguments): boolean {
  return Object.values(switchedOff(args)).includes(true);
}

/** @throws InputError where something is switched off in a run that has its own times. */
export function refuseVariant(args: Arguments): void {
  if (!isVariant(args)) return;
  throw new InputError({
    expected: "no replay",
    at: args["overlap"] === false ? "--no-overlap" : "--no-pruning",
    hint: "A replay takes every time from the run as it was.",
  });
}

/** The plan in virtual time, with what the options switch off. */
export function simulateVariant(args: Arguments, options: SimulateOptions): TraceStream {
  const varied =
    args["pruning"] === false ? { ...options, ...withoutPruning(options.plan, options.costModel) } : options;
  return args["overlap"] === false ? simulateBlocking(varied) : simulateStream(varied);
}
