import type { EventEmitter } from "node:events";
import { plainText } from "../core/index.ts";
import type { World } from "../exec/index.ts";

/** The same world, where nothing but text goes out: names from files may hold whatever their writers liked. */
export function plainIo(io: Io): Io {
  return {
    ...io,
    stdout: (text) => io.stdout(plainText(text)),
    stderr: (text) => io.stderr(plainText(text)),
    control: io.control ?? io.stderr,
  };
}

/** The world outside, as commands see it; tests give their own. */
export interface Io {
  readonly stdout: (text: string) => void;
  /** Waits until what was written to stdout has gone out; false where nobody reads it any more. */
  readonly stdoutTaken?: () => Promise<boolean>;
  readonly stderr: (text: string) => void;
  /** Control sequences of our own, to the terminal that stderr is; all else that goes out is text. */
  readonly control?: (sequence: string) => void;
  /** Text of ours with colours, to a stdout that shows them; absent where it does not. All else in it is text. */
  readonly painted?: (text: string) => void;
  /** Columns of the terminal that stdout is. */
  readonly columns?: number;
  /** Whether stderr is a terminal: bars are shown only there. */
  readonly isTty: boolean;
  /** What a person types; nothing where it is absent. */
  readonly stdin?: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** Whether stdout is one too. */
  readonly isStdoutTty?: boolean;
  /** Relative paths start here. */
  readonly cwd: string;
  /** Tells of SIGINT and SIGTERM; absent where nothing does. */
  readonly signals?: EventEmitter;
  /** Whether there was a SIGUSR2 from the first moment of the process on. */
  wasNoticed?(): boolean;
  /** Ends the process at once. */
  readonly exit?: (code: number) => void;
  /** The ranks of a run over several machines, of which this process is the first. */
  readonly world?: World;
}
