import { closeSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { bytesOfWholeLines, linesOfFile, wholeLinesOf } from "../../files/file-lines.ts";
import { temporaryFolder } from "../cli/run-cli.ts";

const root = temporaryFolder();

function wholeBytes(file: string): number {
  const descriptor = openSync(file, "r");
  try {
    return bytesOfWholeLines(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

it.each([
  ["", []],
  ["torn", []],
  ["one\n\n  \ntwo\ntor", ["one", "two"]],
])("the lines of %j are those of its text, and the whole ones", (text, lines) => {
  const file = path.join(root, "lines");
  writeFileSync(file, text);
  expect([...wholeLinesOf(file)]).toEqual(lines);
  expect([...linesOfFile(file)]).toEqual(text === "" ? [] : text.split(/(?<=\n)/));
  expect(wholeBytes(file)).toBe(text.lastIndexOf("\n") + 1);
});

it("characters and lines are whole where a piece of the file ends inside them", () => {
  // Three bytes a character: pieces of a MiB end inside one.
  const lines = Array.from({ length: 900 }, (_, index) => `${index} ${"→".repeat(1000 + index)}`);
  const file = path.join(root, "long");
  writeFileSync(file, `${lines.join("\n")}\ntorn →`);
  expect([...wholeLinesOf(file)]).toEqual(lines);
  expect([...wholeLinesOf(path.join(root, "not there"))]).toEqual([]);
  expect(wholeBytes(file)).toBe(Buffer.byteLength(`${lines.join("\n")}\n`));
});

it("the last whole line is found where more than a piece of the file was not written to its end", () => {
  const file = path.join(root, "torn far");
  writeFileSync(file, `one\n${"x".repeat(2 ** 21)}`);
  expect(wholeBytes(file)).toBe(4);
  writeFileSync(file, "x".repeat(2 ** 21));
  expect(wholeBytes(file)).toBe(0);
});
