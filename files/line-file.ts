import { closeSync, constants, existsSync, fsyncSync, ftruncateSync, openSync, rmSync } from "node:fs";
import { isSystemError, passFault } from "./faults.ts";
import { bytesOfWholeLines } from "./file-lines.ts";
import { fileError } from "./given-files.ts";
import { writeAll } from "./whole-file.ts";

/** What devices report is written down this often: a process that is killed loses no more. */
const WRITE_EVERY_MS = 500;
/** Characters that wait for a disk that takes nothing: hundreds of thousands of steps. */
const MOST_WAITING = 64e6;

export interface LineFileOptions {
  readonly mayEnd?: boolean;
  readonly goesOn?: boolean;
  readonly behind?: LineFile;
  readonly mostWaiting?: number;
}

/**
 * A file of lines that is written while things happen. Where the system refuses a write, what was added stays here and
 * is written with what comes next; a line is never torn but at the end of a process that was killed.
 */
export class LineFile {
  readonly #file: string;
  readonly #mostWaiting: number;
  readonly #descriptor: number;
  readonly #mayEnd: boolean;
  readonly #behind: LineFile | undefined;
  #pending = "";
  /** Bytes of whole lines that are in the file. */
  #length = 0;
  #writtenMs = performance.now();
  #refusal: NodeJS.ErrnoException | undefined;

  /**
   * `mayEnd`: nobody needs the lines that come after one that was refused, and they are many. `goesOn`: behind the whole
   * lines that are there. `behind`: while lines of that file are refused, these are not written. `mostWaiting`: so many characters may wait for the disk.
   * @throws InputError, DeviceError when it cannot be opened
   */
  constructor(
    file: string,
    { mayEnd = false, goesOn = false, behind, mostWaiting = MOST_WAITING }: LineFileOptions = {},
  ) {
    this.#file = file;
    this.#mostWaiting = mostWaiting;
    this.#mayEnd = mayEnd;
    this.#behind = behind;
    try {
      passFault("open", file);
      if (goesOn && existsSync(file)) {
        this.#descriptor = openSync(file, constants.O_RDWR | constants.O_NOFOLLOW);
        this.#length = bytesOfWholeLines(this.#descriptor);
        ftruncateSync(this.#descriptor, this.#length);
      } else {
        // Another name of an old file keeps what it has.
        rmSync(file, { force: true });
        this.#descriptor = openSync(file, "wx");
      }
    } catch (error) {
      throw fileError(error, "a file that can be written", file);
    }
  }

  /** Why lines are missing in the file; undefined while none are. */
  get refusal(): NodeJS.ErrnoException | undefined {
    return this.#refusal;
  }

  /** @throws DeviceError where more waits than there may: the disk has taken nothing for long */
  add(line: string): void {
    const refusal = this.#refusal ?? this.#behind?.refusal;
    if (this.#refusal === undefined || !this.#mayEnd) this.#pending += `${line}\n`;
    if (refusal !== undefined && this.#pending.length > this.#mostWaiting)
      throw fileError(refusal, "a disk that takes the lines of a run", this.#file);
  }

  /** Whether it is time to write what was added. */
  get isDue(): boolean {
    return performance.now() - this.#writtenMs >= WRITE_EVERY_MS;
  }

  /** Not more often than is worth it, unless it has to be now; whether it was tried. */
  write(now: boolean): boolean {
    if ((!now && !this.isDue) || this.#behind?.refusal !== undefined) return false;
    this.#writtenMs = performance.now();
    if (this.#pending === "") return true;
    const bytes = Buffer.from(this.#pending);
    try {
      writeAll(this.#descriptor, bytes, this.#length);
    } catch (error) {
      if (!isSystemError(error)) throw error;
      this.#refuse(error);
      return true;
    }
    this.#length += bytes.length;
    this.#pending = "";
    if (!this.#mayEnd) this.#refusal = undefined;
    return true;
  }

  /** Bytes in the file. */
  get length(): number {
    return this.#length;
  }

  /** Gives its room on the disk back, where nobody needs its lines any more. */
  empty(): void {
    this.#pending = "";
    this.#length = 0;
    ftruncateSync(this.#descriptor);
  }

  /** What was added is on the disk. @throws when the system refuses it, but for lines that nobody needs then */
  sync(): void {
    this.write(true);
    if (this.#refusal !== undefined && !this.#mayEnd) throw this.#refusal;
    fsyncSync(this.#descriptor);
  }

  close(): void {
    this.write(true);
    closeSync(this.#descriptor);
  }

  #refuse(error: NodeJS.ErrnoException): void {
    this.#refusal = error;
    if (this.#mayEnd) this.#pending = "";
    try {
      ftruncateSync(this.#descriptor, this.#length);
    } catch {
      // The disk takes nothing at all: readers leave a torn line out.
    }
  }
}
