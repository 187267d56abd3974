import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../files/index.ts";
import { temporaryFolder as testFolder } from "../cli/run-cli.ts";

const root = testFolder();

/** A process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ["-e", "0"]).pid;
}

describe("temporaryFolder", () => {
  it("is there until it is disposed of, with all that is in it", () => {
    const seen = (() => {
      using folder = temporaryFolder("work", root);
      writeFileSync(path.join(folder.path, "file"), "text");
      expect(existsSync(folder.path)).toBe(true);
      return folder.path;
    })();
    expect(path.dirname(seen)).toBe(root);
    expect(existsSync(seen)).toBe(false);
  });

  it("removes what killed processes left under its name, and nothing else", () => {
    const left = `work-${hostname()}-${endedProcess()}-abcdef`;
    const others = [
      `work-${hostname()}-${process.pid}-abcdef`,
      `work-elsewhere.${hostname()}-${endedProcess()}-abcdef`,
      `working-${hostname()}-${endedProcess()}-abcdef`,
      `work-${hostname()}-mine`,
    ];
    for (const name of [left, ...others]) mkdirSync(path.join(root, name));
    using _folder = temporaryFolder("work", root);
    const there = readdirSync(root);
    expect(there).not.toContain(left);
    expect(there).toEqual(expect.arrayContaining(others));
  });
});
