import { closeSync, existsSync, fsyncSync, openSync, readFileSync, truncateSync, writeSync } from "node:fs";

/** What devices report is written down this often: a process that is killed loses no more. */
const WRITE_EVERY_MS = 500;

/** A file of lines that is written while things happen. */
export class LineFile {
  readonly #descriptor: number;
  #pending = "";
  #writtenMs = performance.now();

  /** `goesOn`: behind the whole lines that are there. */
  constructor(file: string, { goesOn = false }: { readonly goesOn?: boolean } = {}) {
    if (goesOn && existsSync(file)) truncateSync(file, readFileSync(file).lastIndexOf(0x0a) + 1);
    this.#descriptor = openSync(file, goesOn ? "a" : "w");
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

  /** What was added is on the disk. */
  sync(): void {
    this.write(true);
    fsyncSync(this.#descriptor);
  }

  close(): void {
    this.write(true);
    closeSync(this.#descriptor);
  }
}
