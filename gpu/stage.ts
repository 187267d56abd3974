import type { Machine } from "./machine.ts";
import type { Mode, Result } from "./summary.ts";

/** What the stage needs is not on this machine. */
export class Missing extends Error {}

/** The stage found something wrong. */
export class Failed extends Error {}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Gets every line of stdout that is a JSON object; without it they become results. */
  readonly onResult?: (result: Result) => void;
  /** Gets every line of stdout. */
  readonly onLine?: (line: string) => void;
}

/** What a stage is given. */
export interface StageContext {
  readonly mode: Mode;
  readonly machine: Machine;
  /** For its own files, empty when it begins. What is there at its end goes into the archive, but for weights. */
  readonly folder: string;
  /** Where another stage left its files, in this call or an earlier one. */
  folderOf(stage: string): string;
  /** Adds to the summary, at once. */
  record(result: Result): void;
  /** Adds a sentence to the summary. */
  note(text: string): void;
  /** Runs a program, its output into the log, and returns its exit status. @throws TimeOver, DeviceError */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<number>;
  /** Runs `loratwin ... --json` and returns its document. @throws Failed when its status is not 0. */
  loratwin(args: readonly string[]): Promise<Result>;
}

export interface Stage {
  readonly describe: string;
  /** The most that it gets, in seconds. */
  readonly limitSeconds: number;
  /** The same on the emulation, for stages that make sense there. */
  readonly emulatedLimitSeconds?: number;
  /** The next stage does not wait for its end. */
  readonly beside?: true;
  /** It takes about all of a call's time: it runs only where --only names it. */
  readonly ownCall?: true;
  run(context: StageContext): Promise<void>;
}

/** Seconds that the stage may take at most; `undefined` where it makes no sense. */
export function limitOf(stage: Stage, mode: Mode): number | undefined {
  return mode === "emulated" ? stage.emulatedLimitSeconds : stage.limitSeconds;
}
