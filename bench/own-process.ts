import { spawn } from "node:child_process";
import { packageFile } from "../cli/package-file.ts";
import { DeviceError } from "../core/index.ts";

/** Ends a program that `inOwnProcess` started when the one that started it is gone. */
export function endWithParent(): void {
  process.once("disconnect", () => process.exit(1));
  process.channel?.unref();
}

/**
 * What a built file of this folder prints as JSON, run in a process of its own with one argument in JSON; on one core alone when it is given.
 * @throws DeviceError when the process fails.
 */
export async function inOwnProcess<Result>(file: string, argument: unknown, core?: number): Promise<Result> {
  const words = [process.execPath, packageFile("dist", "bench", file), JSON.stringify(argument)];
  const command = core === undefined ? words : ["taskset", "-c", `${core}`, ...words];
  // In a process group of its own: Ctrl-C is for the suite, which lets the case end.
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe", "ipc"], detached: true });
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout!.on("data", (data: Buffer) => void out.push(data.toString()));
  child.stderr!.on("data", (data: Buffer) => void err.push(data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code === 0) return JSON.parse(out.join("")) as Result;
  throw new DeviceError({
    expected: `${file} to end well in a process of its own`,
    got: code,
    detail: err.join("").trim(),
  });
}
