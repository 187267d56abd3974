import type { EventEmitter } from "node:events";
import { existsSync } from "node:fs";

/** What a person asked of the process. */
export interface Interrupt extends Disposable {
  isAsked(): boolean;
}

/** So long a process may go on, and what says so. */
export interface NoticeLimit {
  readonly seconds: number;
  readonly why: string;
}

/** What a notice is given by: a file that comes to be, a signal, or a time that is over. */
export interface NoticeSource {
  readonly signals: EventEmitter;
  readonly files: readonly string[];
  /** Whether there was a signal before anybody listened here. */
  readonly wasNoticed?: (() => boolean) | undefined;
  readonly limit?: NoticeLimit | undefined;
}

/** A file is looked for at least this often. */
const LOOK_EVERY_MS = 500;

/** Tells once when the machine is to be taken away, or has been used for long enough. */
export function onNotice({ signals, files, wasNoticed, limit }: NoticeSource, tell: (why: string) => void): Disposable {
  let isTold = false;
  const once = (why: string): void => {
    if (isTold) return;
    isTold = true;
    clearInterval(timer);
    tell(why);
  };
  const listener = (): void => once("SIGUSR2");
  const beganMs = performance.now();
  const mostMs = 1000 * (limit?.seconds ?? Number.POSITIVE_INFINITY);
  const timer = setInterval(
    () => {
      const file = files.find((each) => existsSync(each));
      if (file !== undefined) once(file);
      else if (wasNoticed?.() === true) listener();
      else if (limit !== undefined && performance.now() - beganMs >= mostMs) once(limit.why);
    },
    Math.min(LOOK_EVERY_MS, mostMs),
  );
  timer.unref();
  signals.on("SIGUSR2", listener);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      signals.off("SIGUSR2", listener);
    },
  };
}

/**
 * A SIGTERM within so long of the first signal is the same request: a scheduler sends it to the process, and its launcher,
 * which has it too, passes it on (Slurm's two come 5 to 45 ms apart).
 */
const SAME_REQUEST_MS = 1000;

/**
 * The first Ctrl-C (or SIGTERM) that `signals` tells of asks for an end, the second one ends the process at once with
 * 128 + SIGINT.
 */
export function onInterrupt(signals: EventEmitter, tell: () => void, exit: (code: number) => void): Interrupt {
  let askedMs: number | undefined;
  const ask = (): void => {
    if (askedMs !== undefined) exit(130);
    else {
      askedMs = performance.now();
      tell();
    }
  };
  const terminate = (): void => {
    if (askedMs === undefined || performance.now() - askedMs >= SAME_REQUEST_MS) ask();
  };
  signals.on("SIGINT", ask).on("SIGTERM", terminate);
  return {
    isAsked: () => askedMs !== undefined,
    [Symbol.dispose]: () => void signals.off("SIGINT", ask).off("SIGTERM", terminate),
  };
}
