import { FLEET_SAMPLES, SAMPLES } from "../workbench/index.ts";
import type { Option, OptionTable } from "./option-table.ts";

/** The options of every command that predicts. */
export const INTERVAL_OPTIONS = {
  intervals: {
    type: "boolean",
    default: true,
    describe:
      "say where 90 % of runs lie, by the calibration's errors and how this machine is; --no-intervals turns it off",
  },
  samples: {
    type: "number",
    describe:
      `runs simulated for the intervals (default: ${SAMPLES} of a plan, fewer of large ones, none of huge ones; ` +
      `${FLEET_SAMPLES} of other schedules and of a fleet)`,
    notBeside: ["no-intervals"],
  },
  seed: { type: "number", default: 0, describe: "seed of these runs", notBeside: ["no-intervals"] },
} as const satisfies OptionTable;

/** The options of every command that reads data, measures this machine, or predicts for it. */
export const CACHE_OPTIONS = {
  cache: {
    type: "boolean",
    default: true,
    describe:
      "keep tokenized rows and how fast this machine was for later commands; --no-cache neither keeps nor looks",
  },
} as const satisfies OptionTable;

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

export const TRACE_OPTION = {
  type: "string",
  alias: "o",
  writes: true,
  describe: "where to write the trace (opens in Perfetto)",
} as const satisfies Option;
