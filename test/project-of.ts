import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** The projects of `vitest.config.ts`. */
export const PROJECTS = ["pure", "program", "pages", "alone", "native"] as const;
export type Project = (typeof PROJECTS)[number];

const known = new Map<string, readonly string[]>();

/** What a file imports when it runs: packages by name, files by path. */
function importsOf(file: string): readonly string[] {
  const found = known.get(file);
  if (found !== undefined) return found;
  const text = readFileSync(file, "utf8");
  const imports = [...text.matchAll(/^(?:import|export) (?!type )[^;]*?from "([^"]+)"|\bimport\("([^"]+)"\)/gm)].map(
    ([, named, later]) => (named ?? later)!,
  );
  const resolved = imports.map((name) => (name.startsWith(".") ? path.resolve(path.dirname(file), name) : name));
  known.set(file, resolved);
  return resolved;
}

/** All that a file comes to import, itself included. */
function reach(file: string): ReadonlySet<string> {
  const reached = new Set([file]);
  for (const each of reached) {
    if (!each.endsWith(".ts") || !existsSync(each)) continue;
    for (const name of importsOf(each)) reached.add(name);
  }
  return reached;
}

/**
 * Where a test file runs, by what it comes to import: with an addon of its own, with Chromium, with what starts
 * programs, devices or the command line, or with none of these. Alone is one that has other modules than the rest.
 */
export function projectOf(file: string): Project {
  const reached = reach(file);
  if (reached.has(path.join(import.meta.dirname, "native/cuda-table.ts"))) return "native";
  if (/\bvi\.(mock|stubEnv)\(/.test(readFileSync(file, "utf8"))) return "alone";
  if (reached.has("playwright-core")) return "pages";
  if (reached.has("node:child_process") || reached.has("node:worker_threads")) return "program";
  return reached.has(path.join(import.meta.dirname, "../native/load.ts")) ? "program" : "pure";
}
