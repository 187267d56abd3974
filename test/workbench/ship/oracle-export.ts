import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { SHARED } from "../../shared-folder.ts";

const EXPORTS = path.join(SHARED, "oracle/export");

/** Adapters as PEFT saved them, and what other libraries make of them. */
export const HAS_EXPORTS = existsSync(path.join(EXPORTS, "expected.json"));

const BASES = {
  stories: path.join(SHARED, "models/tinystories-260k"),
  qwen3: path.join(EXPORTS, "bases/tiny-qwen3"),
  llama: path.join(EXPORTS, "bases/tiny-llama-untied"),
} as const;

export const ADAPTERS = [
  ...["stories-r4-qv", "stories-r8-all", "stories-r8-qkvo-rslora", "stories-patterns"],
  ...["qwen3-r4-all", "qwen3-r8-qkvo-rslora", "llama-untied-r8-qkvo", "llama-untied-r4-qkv-head"],
] as const;

export function baseOf(adapter: string): string {
  return BASES[adapter.split("-")[0] as keyof typeof BASES];
}

export function exported(...names: readonly string[]): string {
  return path.join(EXPORTS, ...names);
}

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}
