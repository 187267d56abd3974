import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { DeviceError, InputError } from "../../core/index.ts";

/** A file as the hub lists it. */
export interface RemoteFile {
  readonly path: string;
  /** Names the content: the SHA-256 of a large file, else git's object id. */
  readonly oid: string;
  /** The SHA-256 of the content, where the hub knows it. */
  readonly sha256?: string | undefined;
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(fs.createReadStream(file), hash);
  return hash.digest("hex");
}

/** Turns what the hub client or the network threw into one of our errors. */
export function describeFailure(cause: unknown, what: string, url: string): InputError | DeviceError {
  if (cause instanceof InputError || cause instanceof DeviceError) return cause;
  const status = (cause as { statusCode?: unknown }).statusCode;
  if (status === 401 || status === 403) {
    const hint = "It may be private or gated: accept its terms on its page and set HF_TOKEN.";
    return new InputError({ expected: `access to ${what}`, got: `HTTP ${status} from ${url}`, hint }, { cause });
  }
  if (status === 404) {
    return new InputError(
      { expected: `${what} on the hub`, got: `HTTP 404 from ${url}`, hint: "Check owner, name and revision." },
      { cause },
    );
  }
  const reason = typeof status === "number" ? `HTTP ${status}` : ((cause as Error).cause as Error | undefined)?.message;
  const hint =
    "Without a network, give a local folder or file instead. A download that broke off goes on where it stopped.";
  return new DeviceError(
    { expected: `to reach ${what} at ${url}`, got: reason ?? (cause as Error).message, hint },
    { cause },
  );
}

/**
 * Opens the earlier part of a download to add to it. Its name follows from the file's, so that a later process finds it:
 * what is no file of its own there (a link that somebody has put there) is removed, and never written through.
 */
function openPart(partial: string, mostBytes: number): { readonly descriptor: number; readonly done: number } {
  const found = fs.lstatSync(partial, { throwIfNoEntry: false });
  const isOwn = found?.isFile() === true && found.nlink === 1 && found.size <= mostBytes;
  if (found !== undefined && !isOwn) fs.rmSync(partial, { recursive: true });
  const { O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
  const made = isOwn ? O_NOFOLLOW : O_CREAT | O_EXCL;
  return { descriptor: fs.openSync(partial, O_WRONLY | O_APPEND | made), done: isOwn ? found.size : 0 };
}

/**
 * Writes a remote file to `target`, going on from an earlier part of the same content; up to `attempts` connections.
 * @throws DeviceError when what arrived has the wrong length or hash
 */
export async function fetchFile(
  remote: RemoteFile,
  target: string,
  open: () => Promise<Blob | null>,
  attempts: number,
): Promise<void> {
  fs.mkdirSync(path.dirname(target), { recursive: true });
  const partial = `${target}.${remote.oid.slice(0, 16)}.partial`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const blob = await open();
      if (blob === null) throw new InputError({ expected: `the file ${remote.path} on the hub`, got: "no such file" });
      const { descriptor, done } = openPart(partial, blob.size);
      const rest = done === 0 ? blob : blob.slice(done, blob.size);
      if (done === blob.size) fs.closeSync(descriptor);
      else
        await pipeline(
          Readable.fromWeb(rest.stream() as ReadableStream),
          fs.createWriteStream(partial, { fd: descriptor }),
        );
      const size = fs.statSync(partial).size;
      if (size !== blob.size) throw new Error(`${size} of ${blob.size} bytes arrived`);
      break;
    } catch (error) {
      const isFinal = error instanceof InputError || (error as { statusCode?: number }).statusCode !== undefined;
      if (isFinal || attempt >= attempts) throw error;
    }
  }
  if (remote.sha256 !== undefined && (await sha256Of(partial)) !== remote.sha256) {
    fs.rmSync(partial);
    throw new DeviceError({
      expected: `SHA-256 ${remote.sha256} of ${remote.path}`,
      got: "other bytes",
      hint: "Try again.",
    });
  }
  fs.renameSync(partial, target);
}
