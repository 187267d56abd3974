import type { EventEmitter } from "node:events";
import type { World } from "../exec/index.ts";

/** The world outside, as commands see it; tests give their own. */
export interface Io {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** Whether stderr is a terminal: bars are shown only there. */
  readonly isTty: boolean;
  /** Relative paths start here. */
  readonly cwd: string;
  /** Tells of SIGINT and SIGTERM; absent where nothing does. */
  readonly signals?: EventEmitter;
  /** Ends the process at once. */
  readonly exit?: (code: number) => void;
  /** The ranks of a run over several machines, of which this process is the first. */
  readonly world?: World;
}
