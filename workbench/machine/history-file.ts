import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { userCache, writeWholeFile } from "../../files/index.ts";

/** Lines that a file keeps, and how many it may have before the oldest go. */
const KEPT = 500;
const MOST = 600;

/** What this user's runs have seen of machines, a line each, the newest last; none where the file cannot be read. */
export function historyLines(name: string): readonly string[] {
  try {
    return readFileSync(userCache(name), "utf8").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}

/** Adds a line; a cache that cannot be written is none. */
export function keepLine(name: string, line: object): void {
  const file = userCache(name);
  const text = JSON.stringify(line);
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const lines = historyLines(name);
    if (lines.length < MOST) appendFileSync(file, `${text}\n`);
    else writeWholeFile(file, [...lines.slice(1 - KEPT), text, ""].join("\n"));
  } catch {
    // No disk, no permission: the next prediction knows less.
  }
}
