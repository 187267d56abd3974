import { homedir } from "node:os";
import { packageFile } from "../files/index.ts";
import { writeWholeFile } from "../files/whole-file.ts";

/** A line of what a stage found: names, numbers with their unit in the key, and lists of such. */
export type Result = Readonly<Record<string, unknown>>;

/** `missing`: what the stage needs is not on this machine. `no time`: the whole's time was over before it began. */
export type StageState =
  | "waiting"
  | "running"
  | "passed"
  | "failed"
  | "missing"
  | "timed out"
  | "no time"
  | "interrupted";

export interface StageReport {
  readonly name: string;
  state: StageState;
  /** What it was given, which is less than its own limit when the whole runs out of time. */
  limitSeconds: number;
  seconds: number;
  /** Everything that its programs wrote, in the archive. */
  readonly log: string;
  readonly notes: string[];
  readonly results: Result[];
}

export interface Summary {
  readonly kind: "gpu-summary";
  readonly version: 1;
  readonly command: string;
  readonly date: string;
  readonly loratwin: string;
  /** `emulated`: no GPU took part. */
  readonly mode: Mode;
  state: "running" | "complete" | "interrupted";
  readonly allowedSeconds: number;
  seconds: number;
  readonly archive: {
    /** Beside the summary: what the stages left, logs among it. */
    readonly file: string;
    /** Files that found no room in it. */
    leftOut: readonly string[];
  };
  readonly stages: readonly StageReport[];
}

export type Mode = "gpu" | "emulated";

// A summary is shown to others: what it says of files is where they lie in the project or in the user's own folder.
function withoutFolders(text: string): string {
  const names = [
    [packageFile(), "."],
    [homedir(), "~"],
  ] as const;
  // Where one is / or unknown, there is nothing to hide.
  return names.reduce((rest, [folder, name]) => (folder.length > 1 ? rest.replaceAll(folder, name) : rest), text);
}

/** Replaces the file as a whole, so that a reader never sees half of one. */
export function writeSummary(file: string, summary: Summary): void {
  writeWholeFile(file, `${withoutFolders(JSON.stringify(summary, null, 1))}\n`);
}
