import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { writeWholeFile, writeWholeFolder } from "../../files/whole-file.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loratwin-"));
afterAll(() => fs.rmSync(folder, { recursive: true }));

it("leaves a file as it was, and nothing beside it, where its writing fails", () => {
  const file = path.join(folder, "document");
  writeWholeFile(file, "first");
  const fail = (descriptor: number): void => {
    fs.writeSync(descriptor, "second, torn");
    expect(fs.readFileSync(file, "utf8")).toBe("first");
    throw new Error("no room");
  };
  expect(() => writeWholeFile(file, fail)).toThrow("no room");
  expect(fs.readFileSync(file, "utf8")).toBe("first");
  expect(fs.readdirSync(folder)).toEqual(["document"]);
});

it("keeps a file's mode and replaces what a link points at", () => {
  const file = path.join(folder, "kept");
  writeWholeFile(file, "first");
  fs.chmodSync(file, 0o600);
  fs.symlinkSync(file, path.join(folder, "link"));
  writeWholeFile(path.join(folder, "link"), new Uint8Array([104, 105]));
  expect(fs.readFileSync(file, "utf8")).toBe("hi");
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
  expect(fs.lstatSync(path.join(folder, "link")).isSymbolicLink()).toBe(true);
});

it("writes to what is no regular file as it is", () => {
  writeWholeFile("/dev/null", "anything");
  expect(fs.statSync("/dev/null").isCharacterDevice()).toBe(true);
});

it("has the file's bytes on the disk before its name, and the name before it returns", () => {
  const sync = vi.spyOn(fs, "fsyncSync");
  const rename = vi.spyOn(fs, "renameSync");
  writeWholeFile(path.join(folder, "ordered"), "text");
  const [first, last] = sync.mock.invocationCallOrder;
  const [renamed] = rename.mock.invocationCallOrder;
  vi.restoreAllMocks();
  expect([first! < renamed!, renamed! < last!]).toEqual([true, true]);
});

it("replaces a folder once the new one is whole", () => {
  const target = path.join(folder, "folder");
  const fill = (text: string) => (unfinished: string) => {
    writeWholeFile(path.join(unfinished, "a"), text);
    if (text === "torn") throw new Error("no room");
  };
  writeWholeFolder(target, fill("first"));
  expect(() => writeWholeFolder(target, fill("torn"))).toThrow("no room");
  expect(fs.readFileSync(path.join(target, "a"), "utf8")).toBe("first");
  writeWholeFolder(target, fill("second"));
  expect(fs.readFileSync(path.join(target, "a"), "utf8")).toBe("second");
  expect(fs.readdirSync(folder).filter((name) => name.includes("partial"))).toEqual([]);
});
