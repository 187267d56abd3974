import { formatSeconds } from "../core/index.ts";
import type { Context } from "../files/index.ts";
import { type Arguments, flag } from "./command.ts";
import type { Io } from "./io.ts";
import { ERASE_LINE, moveCursor } from "./output.ts";

/** What takes longer is said where nobody looks at a terminal. */
const LONG_MS = 1000;

/**
 * Shows what is being done, on stderr: while it is done on a terminal, and where nobody looks at one when it has taken a
 * second, or, where it lets nothing else run, once it is done. Nothing with --quiet.
 */
export function activity(io: Io, args: Arguments): Context["during"] {
  if (flag(args, "quiet")) return async (_, work) => await work();
  return async (what, work) => {
    const began = performance.now();
    let isSaid = false;
    const say = (text: string): void => {
      if (!isSaid) io.stderr(`${text}\n`);
      isSaid = true;
    };
    const timer = io.isTty ? undefined : setTimeout(() => say(`${what} ...`), LONG_MS);
    if (io.isTty) io.stderr(`${what} ...`);
    try {
      return await work();
    } finally {
      clearTimeout(timer);
      const tookMs = performance.now() - began;
      if (io.isTty) moveCursor(io, ERASE_LINE);
      else if (tookMs >= LONG_MS) say(`${what}: ${formatSeconds(tookMs / 1e3)}`);
    }
  };
}
