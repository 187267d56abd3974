/** What a person asked of the process. */
export interface Interrupt extends Disposable {
  isAsked(): boolean;
}

/** The first Ctrl-C (or SIGTERM) asks for an end and tells so, the second ends the process at once. */
export function onInterrupt(tell: () => void): Interrupt {
  let asked = false;
  const listener = (): void => {
    if (asked) process.exit(130);
    asked = true;
    tell();
  };
  process.on("SIGINT", listener).on("SIGTERM", listener);
  return {
    isAsked: () => asked,
    [Symbol.dispose]: () => void process.off("SIGINT", listener).off("SIGTERM", listener),
  };
}
