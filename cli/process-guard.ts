import type { EventEmitter } from "node:events";
import { plainText } from "../core/index.ts";
import { endingOf } from "./last-resort.ts";

/** What is needed of `process`. */
export interface GuardedProcess extends EventEmitter {
  readonly stdout: EventEmitter;
  readonly stderr: EventEmitter & { write(text: string): unknown };
  exit(code: number): unknown;
}

/**
 * The rim of the process: a reader that has gone (`| head -1`) is no error, and an error that nobody catches is one
 * sentence too. Signals are nobody's here: one that no command listens to ends the process at once, whatever it computes.
 */
export function guardProcess(process: GuardedProcess, debug: boolean): void {
  const fail = (error: unknown): void => {
    const { code, text } = endingOf(error, debug);
    process.stderr.write(plainText(text));
    process.exit(code);
  };
  for (const stream of [process.stdout, process.stderr])
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // Training goes on though nobody reads what it says.
      if (error.code !== "EPIPE") fail(error);
    });
  process.on("uncaughtException", fail);
  process.on("unhandledRejection", fail);
}
