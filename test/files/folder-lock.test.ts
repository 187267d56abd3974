import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { folderHolder, LOCK_FILE, lockFolder } from "../../files/folder-lock.ts";

let folder: string;
const lock = (): string => path.join(folder, LOCK_FILE);
const elsewhere = JSON.stringify({ process: 1, started: "5", host: "n7", space: "another boot", key: "k" });

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "lock-"));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

test("a lock names this process, its machine and its space of numbers, and goes with it", () => {
  const held = lockFolder(folder, "run");
  expect(JSON.parse(readFileSync(lock(), "utf8"))).toMatchObject({ process: process.pid, host: hostname() });
  expect(() => lockFolder(folder, "run")).toThrow(`Process ${process.pid} does`);
  held[Symbol.dispose]();
  expect(() => readFileSync(lock())).toThrow("ENOENT");
});

test("that of another machine is taken over once it has given no sign for a minute, whatever its number is here", () => {
  writeFileSync(lock(), elsewhere.replace('"process":1', `"process":${process.pid}`));
  const before = new Date(Date.now() - 61_000);
  utimesSync(lock(), before, before);
  expect(folderHolder(folder)).toBeUndefined();
  using held = lockFolder(folder, "run");
  expect(held.takenFrom).toBe(process.pid);
});

test("that of another machine which gives a sign is refused with its name", () => {
  writeFileSync(lock(), elsewhere);
  const before = new Date(Date.now() - 3_000);
  utimesSync(lock(), before, before);
  const writer = spawn("sh", ["-c", 'sleep 1; printf %s "$1" > "$2"', "sh", elsewhere, lock()]);
  const notes: string[] = [];
  expect(folderHolder(folder)).toEqual({ process: 1, elsewhere: "n7" });
  expect(() => lockFolder(folder, "run", (text) => notes.push(text))).toThrow("Process 1 of n7 does");
  expect(notes).toEqual(["waits a minute at most for a sign of Process 1 of n7, which has run"]);
  writer.kill();
});

test("a process whose folder was taken over hears of it, and leaves the other's lock", () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  const held = lockFolder(folder, "run");
  vi.advanceTimersByTime(5_000);
  held.check();
  writeFileSync(lock(), elsewhere);
  vi.advanceTimersByTime(5_000);
  expect(() => held.check()).toThrow("Process 1 of n7 has it");
  held[Symbol.dispose]();
  expect(readFileSync(lock(), "utf8")).toBe(elsewhere);
});
