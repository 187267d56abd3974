import type { OptionTable } from "./option-table.ts";

/** Of the commands that write a workload. */
export const NEW_WORKLOAD_OPTIONS = {
  output: {
    type: "string",
    alias: "o",
    writes: true,
    default: "workload.yaml",
    describe: "where to write the workload",
  },
  overwrite: { type: "boolean", default: false, describe: "replace that file" },
} as const satisfies OptionTable;
