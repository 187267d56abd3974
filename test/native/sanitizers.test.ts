// @module-tag nightly
import { execFile, spawnSync } from "node:child_process";
import { isAbsolute } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const has = (library: string): boolean =>
  isAbsolute(spawnSync("c++", [`-print-file-name=${library}`], { encoding: "utf8" }).stdout?.trim() ?? "");
const hasSanitizers = has("libasan.so") && has("libubsan.so") && has("libtsan.so");

/** Each builds the native code anew at first. */
const LONGEST_MS = 3_600_000;

describe.skipIf(!hasSanitizers)("under the compiler's sanitizers", () => {
  test(
    "every training and attacks on the addon do nothing that is undefined, and race nowhere",
    async () => {
      const { stdout } = await run(process.execPath, ["setup/test-sanitizers.mjs"], { maxBuffer: 1 << 26 });
      expect(stdout).toContain("sanitizers: nothing found");
    },
    LONGEST_MS,
  );

  test(
    "calls of the addon with changes, guided by what they reach, find nothing in some seconds",
    async () => {
      const { stdout } = await run(process.execPath, ["setup/fuzz.mjs", "--seconds", "20"], { maxBuffer: 1 << 26 });
      expect(stdout.match(/\d+ inputs, /g)?.length).toBe(3);
    },
    LONGEST_MS,
  );
});
