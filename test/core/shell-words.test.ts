import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellQuoted } from "../../core/index.ts";

const WORDS = [
  "plain",
  "a/b_c.d:1,2=3",
  "",
  "two words",
  "it's",
  "'",
  "$HOME",
  "`date`",
  'a"b',
  "a\\b",
  "*",
  "~",
  "#",
  ";",
];

it("a shell reads a quoted word back as it was", () => {
  const script = `printf '%s\\n' ${WORDS.map(shellQuoted).join(" ")}`;
  expect(execFileSync("sh", ["-c", script], { encoding: "utf8" }).split("\n").slice(0, -1)).toEqual(WORDS);
});

it("a word without meaning for a shell stays as it is", () => {
  expect(shellQuoted("10.0.0.0/24")).toBe("10.0.0.0/24");
  expect(shellQuoted("unit*4")).toBe("'unit*4'");
});
