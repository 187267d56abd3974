import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, it } from "vitest";
import { shortRoom } from "../../cli/process-room.ts";

const MAIN = path.join(import.meta.dirname, "../../dist/cli/main.js");

it.each([
  ["-v 1000000", /^Expected room for 1536 MiB of address space, got 976\.\nHint: .+\n$/],
  ["-n 20", /^Expected room for 160 files open at once, got 20\.\nHint: .+\n$/],
])("with `ulimit %s` the program says in one sentence what it lacks, and ends with 3", (limit, sentence) => {
  const { status, stderr } = spawnSync("bash", ["-c", `ulimit ${limit}; exec "${process.execPath}" "${MAIN}" devices`]);
  expect(stderr.toString()).toMatch(sentence);
  expect(status).toBe(3);
});

it("where nothing is limited, or nobody says, there is room", () => {
  expect(shortRoom("Max address space         unlimited            unlimited            bytes")).toBeUndefined();
  expect(shortRoom("")).toBeUndefined();
});
