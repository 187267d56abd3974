import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { DeviceError } from "../core/index.ts";

export interface TimedStep {
  readonly seconds: number;
}

/** A process of another library that trains a step when asked, and sleeps otherwise. */
export interface StepProcess extends AsyncDisposable {
  step(): Promise<TimedStep>;
}

/**
 * Starts such a process: it prints a line when it is ready, then one with the step's seconds for each line that it is
 * given. Its first step is made here and fills caches.
 * @throws DeviceError when it ends early
 */
export async function startSteps(
  what: string,
  python: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<StepProcess> {
  const child = spawn(python, words, {
    stdio: ["pipe", "pipe", "inherit"],
    // In a process group of its own: Ctrl-C is for the suite, which ends it after the case. It ends by itself when its
    // input does.
    detached: true,
    env,
  });
  const ended = new Promise<void>((resolve) => void child.once("exit", () => resolve()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done === true) throw new DeviceError({ expected: `the ${what} process to go on`, got: "its end" });
    return JSON.parse(value);
  };
  const step = async (): Promise<TimedStep> => {
    child.stdin.write("\n");
    return (await next()) as TimedStep;
  };
  await next();
  await step();
  return {
    step,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
