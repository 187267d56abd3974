import type { EventEmitter } from "node:events";

let isNoticed = false;

/**
 * Hears SIGUSR2 from a process's first moments on: one that nobody listens to ends the process, and a scheduler does not
 * ask whether it has begun to train.
 */
export function hearEarlyNotice(signals: EventEmitter): void {
  signals.on("SIGUSR2", () => {
    isNoticed = true;
  });
}

/** Whether this process has had a SIGUSR2. */
export function wasNoticed(): boolean {
  return isNoticed;
}
