import { spawn } from "node:child_process";
import type { EventEmitter } from "node:events";
import { constants } from "node:os";
import { DeviceError } from "../../core/index.ts";
import type { LaunchLine } from "./launch-line.ts";

/** Signals that a launcher is told of, and tells ranks of: to end, and that the machine is to be taken away. */
const PASSED_ON = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const;

/** Where a launched program runs, and who hears what it says. */
export interface LaunchIo {
  readonly cwd: string;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly signals: EventEmitter;
}

/**
 * Starts a program through its launcher, passes signals on, and returns the launcher's exit code, 128 and the number of
 * the signal that ended it. @throws DeviceError where there is no such launcher
 */
export async function startLaunch(
  { environment, launcher, options, within }: LaunchLine,
  program: readonly string[],
  { cwd, stdout, stderr, signals }: LaunchIo,
): Promise<number> {
  const child = spawn(launcher, [...options.flat(), ...within, ...program], {
    cwd,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    // Of its own group: a Ctrl-C of the terminal comes to it once, from here.
    detached: true,
  });
  child.stdout.setEncoding("utf8").on("data", stdout);
  child.stderr.setEncoding("utf8").on("data", stderr);
  const passing = PASSED_ON.map((signal) => {
    const pass = (): void => void child.kill(signal);
    signals.on(signal, pass);
    return () => void signals.off(signal, pass);
  });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new DeviceError({
      expected: `${launcher} on this machine`,
      got: "no such program",
      hint: "docs/reference/machines.md says what is needed on each machine.",
    });
  } finally {
    for (const stop of passing) stop();
  }
}
