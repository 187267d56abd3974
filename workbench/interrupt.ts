import type { EventEmitter } from "node:events";

/** What a person asked of the process. */
export interface Interrupt extends Disposable {
  isAsked(): boolean;
}

/**
 * The first Ctrl-C (or SIGTERM) that `signals` tells of asks for an end, the second one ends the process at once with
 * 128 + SIGINT.
 */
export function onInterrupt(signals: EventEmitter, tell: () => void, exit: (code: number) => void): Interrupt {
  let asked = false;
  const listener = (): void => {
    if (asked) exit(130);
    else tell();
    asked = true;
  };
  signals.on("SIGINT", listener).on("SIGTERM", listener);
  return {
    isAsked: () => asked,
    [Symbol.dispose]: () => void signals.off("SIGINT", listener).off("SIGTERM", listener),
  };
}
