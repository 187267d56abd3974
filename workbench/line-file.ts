import { closeSync, openSync, writeSync } from "node:fs";

/** What devices report is written down this often: a process that is killed loses no more. */
const WRITE_EVERY_MS = 500;

/** A file of lines that is written while things happen. */
export class LineFile {
  readonly #descriptor: number;
  #pending = "";
  #writtenMs = performance.now();

  constructor(file: string) {
    this.#descriptor = openSync(file, "w");
  }

  add(line: string): void {
    this.#pending += `${line}\n`;
  }

  /** Whether it is time to write what was added. */
  get isDue(): boolean {
    return performance.now() - this.#writtenMs >= WRITE_EVERY_MS;
  }

  /** Not more often than is worth it, unless it has to be now; whether it was. */
  write(now: boolean): boolean {
    if (!now && !this.isDue) return false;
    if (this.#pending !== "") writeSync(this.#descriptor, this.#pending);
    this.#pending = "";
    this.#writtenMs = performance.now();
    return true;
  }

  close(): void {
    this.write(true);
    closeSync(this.#descriptor);
  }
}
