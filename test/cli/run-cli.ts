import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { run } from "../../cli/run.ts";

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What takes a second is said, which depends on how slow the machine is. */
export const STAGE_LINES = /^(?:[a-z ]+ \.\.\.|[a-z ]+: \d.*)\n/gm;

/** Runs a command line in this process, as where nobody looks at a terminal. stderr is without `STAGE_LINES`. */
export async function runCli(argv: readonly string[], cwd: string): Promise<CliResult> {
  let stdout = "";
  let stderr = "";
  const code = await run(argv, {
    stdout: (text) => {
      stdout += text;
    },
    stderr: (text) => {
      stderr += text;
    },
    isTty: false,
    cwd,
  });
  return { code, stdout, stderr: stderr.replace(STAGE_LINES, "") };
}

/** What a command prints. Throws its message where it does not end with 0. */
export async function printed(argv: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await runCli(argv, cwd);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return stdout;
}

/** A folder that is removed after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-cli-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
