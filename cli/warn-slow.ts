import { nativeInfo } from "../exec/index.ts";
import { examineAddon } from "../workbench/index.ts";
import type { Io } from "./io.ts";
import { warn } from "./output.ts";

/** Says what keeps this addon from the speed of this machine, before it computes for long. */
export function warnSlow(io: Io): void {
  for (const { state, about, found } of examineAddon(nativeInfo()))
    if (state === "slow") warn(io, `${about}: ${found}. \`loratwin doctor\` says how that is mended.`);
}
