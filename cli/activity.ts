import { formatBytes, formatSeconds } from "../core/index.ts";
import type { Context, TellBytes } from "../files/index.ts";
import { type Arguments, flag } from "./command.ts";
import type { Io } from "./io.ts";
import { ERASE_LINE, moveCursor } from "./output.ts";
import { LINE_EVERY_MS, timeLeft } from "./progress-bar.ts";

/** What takes longer is said where nobody looks at a terminal. */
const LONG_MS = 1000;
/** How often a bar is drawn, and how long it is. */
const BAR = { everyMs: 200, characters: 12 } as const;

function bar(share: number): string {
  const filled = Math.round(share * BAR.characters);
  return `[${"=".repeat(filled)}${"-".repeat(BAR.characters - filled)}]`;
}

/** Tells `draw` how far something is, no more often than it is to be drawn. */
function progress(everyMs: number, draw: (share: number, left: string, amount: string) => void): TellBytes {
  let drawnMs = performance.now();
  /** Where it was when it told for the first time: what comes before, such as loading a tokenizer, does not come again. */
  let first: { readonly bytes: number; readonly ms: number } | undefined;
  return (bytes, ofBytes) => {
    const now = performance.now();
    first ??= { bytes, ms: now };
    if (now - drawnMs < everyMs || bytes <= first.bytes) return;
    drawnMs = now;
    const share = Math.min(1, bytes / ofBytes);
    const left = timeLeft(((now - first.ms) / 1e3 / (bytes - first.bytes)) * Math.max(0, ofBytes - bytes));
    draw(share, left, `${formatBytes(Math.min(bytes, ofBytes))} of ${formatBytes(ofBytes)}`);
  };
}

/**
 * Shows what is being done, on stderr: while it is done on a terminal, with a bar where it tells how far it is, and where
 * nobody looks at one when it has taken a second, with a line now and then, or, where it lets nothing else run, once it
 * is done. Nothing with --quiet.
 */
export function activity(io: Io, args: Arguments): Context["during"] {
  if (flag(args, "quiet")) return async (_, work) => await work(() => {});
  return async (what, work) => {
    const began = performance.now();
    let isSaid = false;
    const say = (text: string): void => {
      if (!isSaid) io.stderr(`${text}\n`);
      isSaid = true;
    };
    const timer = io.isTty ? undefined : setTimeout(() => say(`${what} ...`), LONG_MS);
    if (io.isTty) io.stderr(`${what} ...`);
    const tell = io.isTty
      ? progress(BAR.everyMs, (share, left, amount) => {
          moveCursor(io, ERASE_LINE);
          io.stderr(`${what} ${bar(share)} ${Math.floor(100 * share)} %  ${amount}  ${left} left`);
        })
      : progress(LINE_EVERY_MS, (share, left) => {
          isSaid = true;
          io.stderr(`${what}: ${Math.floor(100 * share)} %, ${left} left\n`);
        });
    try {
      return await work(tell);
    } finally {
      clearTimeout(timer);
      const tookMs = performance.now() - began;
      if (io.isTty) moveCursor(io, ERASE_LINE);
      else if (tookMs >= LONG_MS) say(`${what}: ${formatSeconds(tookMs / 1e3)}`);
    }
  };
}
