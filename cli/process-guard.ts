import type { EventEmitter } from "node:events";
import { plainText } from "../core/index.ts";
import { endingOf } from "./last-resort.ts";

/** A stream of the process, as far as it is looked after here. */
interface GuardedStream extends EventEmitter {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** What is needed of `process`. */
export interface GuardedProcess extends EventEmitter {
  readonly pid: number;
  readonly stdout: GuardedStream;
  readonly stderr: GuardedStream;
  readonly stdin: { readonly isTTY?: boolean; readonly isRaw?: boolean; setRawMode?(on: boolean): unknown };
  kill(pid: number, signal: string): unknown;
  exit(code: number): unknown;
}

/** Signals that end a process which may have hidden the terminal's cursor. */
const ENDING = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
/** DECTCEM of xterm's control sequences. */
const SHOW_CURSOR = "\u001b[?25h";

function restoreTerminal({ stderr, stdin }: GuardedProcess): void {
  if (stdin.isTTY === true && stdin.isRaw === true) stdin.setRawMode?.(false);
  if (stderr.isTTY === true) stderr.write(SHOW_CURSOR);
}

/**
 * The rim of the process: a reader that has gone (`| head -1`) is no error, the terminal is left as it was found however
 * the process ends, and an error that nobody catches is one sentence too.
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
  process.on("exit", () => restoreTerminal(process));
  for (const signal of ENDING) {
    const end = (): void => {
      // A command that listens too decides for itself.
      if (process.listenerCount(signal) > 1) return;
      restoreTerminal(process);
      process.off(signal, end);
      process.kill(process.pid, signal);
    };
    process.on(signal, end);
  }
}
