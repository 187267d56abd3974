import { join } from "node:path";
import { beforeAll } from "vitest";
import { build, buildTargets } from "./cuda-table.ts";

/** The tests of a file take the addon whose GPUs are the emulation's, beside the CPU devices; it is built first. */
export function useEmulatedAddon(): void {
  beforeAll(async () => {
    await buildTargets("loratwin_emulated");
    process.env["LORATWIN_ADDON"] = join(build, "loratwin_emulated.node");
  }, 900_000);
}
