import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { DeviceError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs a program to its end, and hands on each line of its output. */
async function runProgram(
  program: string,
  words: readonly string[],
  { input = "", onLine }: { readonly input?: string; readonly onLine?: (line: string) => void },
): Promise<Ended> {
  const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"] });
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => void errors.push(text));
  createInterface({ input: child.stdout }).on("line", (line) => onLine?.(line));
  // One that ends before it has read its input says so by its exit code.
  child.stdin.on("error", () => {}).end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stderr: errors.join("").trim() };
}

/**
 * Runs a script of python/ with a document on its standard input.
 * @throws DeviceError where it ends badly: what a judge finds wrong it says in its lines
 */
export async function runScript(
  python: string,
  name: string,
  document: unknown,
  onLine: (line: string) => void = () => {},
): Promise<void> {
  const script = packageFile("peers", "python", name);
  const { code, stderr } = await runProgram(python, ["-B", script], { input: JSON.stringify(document), onLine });
  if (code === 0) return;
  throw new DeviceError({ expected: `${name} to end well`, got: code, detail: stderr });
}

/** Runs the command line as a user would; what it said where it did not end well. */
export async function runLoratwin(words: readonly string[]): Promise<Ended> {
  return await runProgram(process.execPath, [packageFile("dist", "cli", "main.js"), ...words], {});
}
