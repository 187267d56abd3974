import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { afterAll, beforeAll } from "vitest";

/** A program of this folder, bundled for a Node process of its own before the tests of a file; its path then. */
export function useProgram(source: string): () => string {
  let folder: string;
  const path = (): string => join(folder, source.replace(/\.ts$/, ".mjs"));
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "loratwin-attacks-"));
    const input = join(import.meta.dirname, source);
    await build({ input, platform: "node", output: { file: path(), codeSplitting: false } });
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return path;
}
