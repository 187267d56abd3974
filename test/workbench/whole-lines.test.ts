import { writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { wholeLines, wholeLinesOf } from "../../workbench/whole-lines.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const root = temporaryFolder();

it.each([
  ["", []],
  ["torn", []],
  ["one\n\n  \ntwo\ntor", ["one", "two"]],
])("the lines of %j are the whole ones, read at once or in pieces", (text, lines) => {
  const file = path.join(root, "lines");
  writeFileSync(file, text);
  expect([wholeLines(text), [...wholeLinesOf(file)]]).toEqual([lines, lines]);
});

it("characters and lines are whole where a piece of the file ends inside them", () => {
  // Three bytes a character: pieces of a MiB end inside one.
  const lines = Array.from({ length: 900 }, (_, index) => `${index} ${"→".repeat(1000 + index)}`);
  const file = path.join(root, "long");
  writeFileSync(file, `${lines.join("\n")}\ntorn →`);
  expect([...wholeLinesOf(file)]).toEqual(lines);
  expect([...wholeLinesOf(path.join(root, "not there"))]).toEqual([]);
});
