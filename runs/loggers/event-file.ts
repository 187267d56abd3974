import { closeSync, constants, ftruncateSync, mkdirSync, openSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { isSystemError, passFault, writeAll } from "../../files/index.ts";
import { restartRecord, versionRecord } from "./event-records.ts";

const WRITER = "loratwin";
/** Bytes that wait for a disk that takes nothing: hundreds of thousands of scalars. */
const MOST_WAITING = 64e6;

/** Event files of a folder, as TensorBoard finds and orders them; none where it is no folder that can be read. */
function eventFilesIn(folder: string): readonly string[] {
  return namesIn(folder)
    .filter((name) => name.includes("tfevents"))
    .sort();
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isSystemError(error)) return [];
    throw error;
  }
}

/** Curves of another run are not lost. @throws InputError where event files of one of these jobs are there */
export function checkEventFolder(folder: string, jobs: readonly string[], at: string): void {
  const known = jobs.find((name) => eventFilesIn(path.join(folder, name)).length > 0);
  if (known === undefined) return;
  throw new InputError({
    expected: `a folder without event files of a job ${known}`,
    ...{ at, got: folder },
    hint: "TensorBoard would show the steps of both runs as one curve: name another folder, or take `overwrite`.",
  });
}

/** Behind all that are there, or TensorBoard would not read it after them. */
function newName(folder: string, seconds: number): string {
  const before = eventFilesIn(folder).map((name) => Number(name.match(/tfevents\.(\d+)/)?.[1] ?? 0));
  const begin = Math.max(Math.floor(seconds), ...before.map((each) => each + 1));
  return `events.out.tfevents.${String(begin).padStart(10, "0")}.${hostname()}.${process.pid}`;
}

/** An event file that grows while a job trains. It is open only while it is written: there may be thousands of jobs. */
export class EventFile {
  readonly #file: string;
  #pending: Buffer[] = [];
  #numPending = 0;
  #length = 0;
  #refusal: NodeJS.ErrnoException | undefined;

  /**
   * `seconds`: the time of the day. `firstStep`: the first that will come; of files that are there, what they have of it
   * and of later ones is void.
   */
  constructor(folder: string, seconds: number, firstStep: number) {
    const isFirst = eventFilesIn(folder).length === 0;
    this.#file = path.join(folder, newName(folder, seconds));
    this.add(versionRecord(seconds, WRITER));
    // What has step 0 describes the job, and is written again.
    if (!isFirst) this.add(restartRecord(seconds, firstStep === 1 ? 0 : firstStep));
  }

  add(record: Buffer): void {
    // The first records stay: without them the file would be none.
    if (this.#numPending > MOST_WAITING) return;
    this.#pending.push(record);
    this.#numPending += record.length;
  }

  /** Why the disk did not take what was added; undefined where it did. */
  get refusal(): NodeJS.ErrnoException | undefined {
    return this.#refusal;
  }

  /** Writes what was added. What the disk does not take stays, and is written with what comes next. */
  write(): void {
    if (this.#pending.length === 0) return;
    try {
      mkdirSync(path.dirname(this.#file), { recursive: true });
      passFault("open", this.#file);
      const how = this.#length === 0 ? constants.O_CREAT : 0;
      const descriptor = openSync(this.#file, constants.O_WRONLY | constants.O_NOFOLLOW | how);
      try {
        const bytes = Buffer.concat(this.#pending);
        // Over what a write that was refused has left.
        ftruncateSync(descriptor, this.#length);
        writeAll(descriptor, bytes, this.#length);
        this.#length += bytes.length;
      } finally {
        closeSync(descriptor);
      }
      this.#pending = [];
      this.#numPending = 0;
      this.#refusal = undefined;
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#refusal = error;
    }
  }
}
