import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, it } from "vitest";
import { readRecords } from "../../datasets/records/read-records.ts";
import { packageFile } from "../../files/index.ts";
import { checkReadable, readWhole, readWholeText } from "../../files/readable-file.ts";

const root = mkdtempSync(path.join(tmpdir(), "loratwin-readable-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

it("a pipe that nobody writes is refused at once, and so is a device without an end", () => {
  const pipe = path.join(root, "pipe");
  execFileSync("mkfifo", [pipe]);
  expect(() => readWhole(pipe)).toThrow(/Expected a regular file, got "a pipe"/);
  expect(() => checkReadable("/dev/zero")).toThrow(/Expected a regular file, got "a device"/);
});

it("a file is read whole, and one of more bytes than are allowed is not read", () => {
  const file = path.join(root, "file");
  writeFileSync(file, "text");
  expect(readWholeText(file)).toBe("text");
  truncateSync(file, 2 ** 40);
  expect(() => readWhole(file)).toThrow(/Expected a file of at most 536870912 bytes/);
});

it("what the shell opened is read to its end", () => {
  const program = packageFile("dist", "cli", "main.js");
  const shell = 'echo "config: 1" | cat | "$0" "$1" plan /dev/stdin 2>&1; true';
  const told = execFileSync("sh", ["-c", shell, process.execPath, program]);
  expect(told.toString()).toContain('Expected only known keys at config, got "config"');
});

it("a data file of terabytes without a line end is refused after as much as a line may have", async () => {
  const file = path.join(root, "d.jsonl");
  writeFileSync(file, "");
  truncateSync(file, 2 ** 42);
  const read = async (): Promise<void> => {
    for await (const _ of readRecords(file, { path: file }, "data"));
  };
  await expect(read()).rejects.toThrow(/Expected lines of at most 268435456 bytes/);
}, 120_000);
