import { spawn } from "node:child_process";
import { DeviceError } from "../core/index.ts";
import { packageFile } from "../files/index.ts";

/** What alone.ts measures. */
export type AloneCase = "counted-step" | "grow" | "simulate" | "trace" | "train";

/**
 * What a program prints. It is in a process group of its own: Ctrl-C is for the suite, which lets the case end.
 * @throws DeviceError, which names it as `what`, when it does not end well.
 */
export async function outputOf(
  what: string,
  program: string,
  words: readonly string[],
  { cwd = packageFile(), env = process.env }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const child = spawn(program, words, {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout!.on("data", (data: Buffer) => void out.push(data.toString()));
  child.stderr!.on("data", (data: Buffer) => void err.push(data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return out.join("");
  throw new DeviceError({ expected: `${what} to end well`, got: code, detail: err.join("").trim() });
}

/**
 * What a case of alone.ts comes to, run in a process of its own with one argument; on one core alone when it is given.
 * @throws DeviceError when the process fails.
 */
export async function inOwnProcess<Result>(
  name: AloneCase,
  argument: unknown,
  { core, env = process.env }: { readonly core?: number | undefined; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const words = [packageFile("dist", "bench", "alone.js"), name, JSON.stringify(argument)];
  const output =
    core === undefined
      ? await outputOf(name, process.execPath, words, { env })
      : await outputOf(name, "taskset", ["-c", `${core}`, process.execPath, ...words], { env });
  return JSON.parse(output) as Result;
}
