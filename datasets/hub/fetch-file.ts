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
      const done = fs.statSync(partial, { throwIfNoEntry: false })?.size ?? 0;
      if (done > blob.size) fs.rmSync(partial);
      const start = done > blob.size ? 0 : done;
      if (start < blob.size || blob.size === 0) {
        const rest = start === 0 ? blob : blob.slice(start, blob.size);
        await pipeline(
          Readable.fromWeb(rest.stream() as ReadableStream),
          fs.createWriteStream(partial, { flags: "a" }),
        );
      }
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
