import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished, test } from "vitest";
import { HAS_SHARED, SHARED } from "../shared-folder.ts";

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

export const TINY_STORIES = path.join(SHARED, "models/tinystories-260k");
export const FIXTURES = path.join(ROOT, "test/datasets/fixtures");
export const EXAMPLES = path.join(ROOT, "examples");

/** A test of the shared folder's files; skipped where there is none. */
export const sharedTest = HAS_SHARED ? test : test.skip;

/** An empty folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "loratwin-"));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A file with this content in a folder of its own. */
export function temporaryFile(name: string, content: string | Uint8Array): string {
  const file = path.join(temporaryFolder(), name);
  fs.writeFileSync(file, content);
  return file;
}
