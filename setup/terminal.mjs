// What the setup steps say and run. Progress goes to stderr, so that stdout holds only a command's result.
import { spawnSync } from "node:child_process";

/** A step that cannot go on; `exitCode` is 3 where the machine lacks something and 1 where our own build failed. */
export class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

/** Runs a program to its end with its output shown on stderr; true where it exited with 0. */
export function runs(program, args, options = {}) {
  const { status } = spawnSync(program, args, { stdio: ["ignore", 2, 2], ...options });
  return status === 0;
}

/** True where the program starts and exits with 0, its output unseen. */
export function answers(program, args) {
  return spawnSync(program, args, { stdio: "ignore" }).status === 0;
}
