import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync, watch } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { InputError } from "../core/index.ts";
import type { SubmittedJob } from "./fleet-control.ts";
import { type FiledJob, readJobFile } from "./job-file.ts";
import { placeJob } from "./place-job.ts";
import { RequestError, wireFacts } from "./request-error.ts";
import { openSpool, type SpoolFolder } from "./spool-folder.ts";

/** The folder is looked at this often, since its own notices do not come for every file system. */
const LOOK_EVERY_MS = 1000;

export interface SpoolOptions {
  /** Absolute. */
  readonly folder: string;
  readonly mostBytes: number;
  /** Rejects with a RequestError. */
  readonly submit: (job: SubmittedJob) => Promise<unknown>;
  /** Says what became of a file, for people. */
  readonly tell: (text: string) => void;
  readonly onFault: (error: unknown) => void;
}

export interface Spool {
  /** Resolves when the file that is being looked at is done with. */
  close(): Promise<void>;
}

/** @throws InputError for anything but a whole file of at most so many bytes */
function readWhole(file: string, mostBytes: number): string {
  let descriptor: number;
  try {
    // Neither follows a link, nor waits for somebody to write into a pipe.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError({ expected: "a file that can be read", got: code === "ELOOP" ? "a link" : code });
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile())
      throw new InputError({ expected: "a file", got: found.isDirectory() ? "a folder" : "no file" });
    if (found.size > mostBytes)
      throw new InputError({ expected: `a file of at most ${mostBytes} bytes`, got: `one of ${found.size}` });
    return readFileSync(descriptor, "utf8");
  } finally {
    closeSync(descriptor);
  }
}

/** The one job of a file. @throws InputError with the place in the file */
function readJob(text: string, name: string): FiledJob {
  const [job, another] = readJobFile(text, name);
  if (another !== undefined)
    throw new InputError({ expected: "one job", got: "a list", file: name, hint: "One job a file." });
  return job!;
}

function isNotFile(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}

/** What becomes of a file, and what is told of it; undefined for one that somebody took away. */
type Answer = { readonly job: string } | { readonly why: string } | "later" | undefined;

/** Submits the job of a file. "later": the fleet has no room for now. */
async function ask(spool: SpoolFolder, name: string, options: SpoolOptions): Promise<Answer> {
  const { mostBytes, submit, folder, onFault } = options;
  let job: FiledJob | undefined;
  try {
    job = readJob(readWhole(spool.path(name), mostBytes), name);
    await submit(placeJob(job.written, folder));
    return { job: job.written.name };
  } catch (error) {
    if (error instanceof RequestError && error.isForNow) return "later";
    if (error instanceof RequestError) return { why: job!.placed(wireFacts(error.facts)).message };
    if (error instanceof InputError) return { why: error.message };
    if (isNotFile(error)) return undefined;
    // The server is at fault; the files behind it are not to wait for that.
    onFault(error);
    return { why: "The server had a fault with it: see its messages." };
  }
}

/** Takes one file. Whether it is to be looked at again. @throws what the system throws where it cannot be moved */
async function take(spool: SpoolFolder, name: string, options: SpoolOptions): Promise<boolean> {
  const answer = await ask(spool, name, options);
  if (answer === "later") return true;
  if (answer === undefined) return false;
  const isTaken = "job" in answer;
  options.tell(`spool: ${name} is ${isTaken ? `taken as ${answer.job}` : `rejected: ${answer.why.split("\n")[0]}`}`);
  if (isTaken) spool.accept(name, answer.job);
  else spool.reject(name, answer.why);
  return false;
}

/** A file, told from a later one of its name; undefined where there is none. */
function identityOf(file: string): string | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.ino} ${found.mtimeMs}`;
}

/** Files that are whole by their names: who writes one gives it its name when it is. */
function wholeNames(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => !name.startsWith(".") && /\.(ya?ml|json)$/.test(name))
    .sort();
}

/** Submits the jobs that are put into a folder, in the order of their names. @throws InputError for the folder */
export function watchSpool(options: SpoolOptions): Spool {
  const spool = openSpool(options.folder);
  const end = new AbortController();
  let wake = new AbortController();
  const watcher = watch(options.folder, () => wake.abort());
  // The timer looks all the same.
  watcher.on("error", () => watcher.close());

  // Files that were answered and cannot be moved: they stay, and are not asked for again.
  const stuck = new Map<string, string | undefined>();
  const look = async (): Promise<void> => {
    for (const name of wholeNames(options.folder)) {
      if (end.signal.aborted) return;
      const identity = identityOf(spool.path(name));
      if (stuck.has(name) && stuck.get(name) === identity) continue;
      try {
        // Those behind it would only go past it.
        if (await take(spool, name, options)) return;
      } catch (error) {
        if (isNotFile(error)) continue;
        stuck.set(name, identity);
        options.tell(`spool: ${name} cannot be moved, and stays: ${(error as NodeJS.ErrnoException).code ?? error}`);
      }
    }
  };

  const loop = async (): Promise<void> => {
    while (!end.signal.aborted) {
      wake = new AbortController();
      await look().catch(options.onFault);
      const signal = AbortSignal.any([wake.signal, end.signal]);
      await sleep(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  const looking = loop();
  return {
    close: async () => {
      end.abort();
      watcher.close();
      await looking;
    },
  };
}
