import { createHash } from "node:crypto";
import { closeSync, readSync } from "node:fs";
import { openToRead } from "./readable-file.ts";

/** Bytes that are read at once. */
const PIECE = 2 ** 22;

/** Length and SHA-256 of a file, in the memory of one piece of it. @throws what the file system throws */
export function fileDigest(file: string): { readonly bytes: number; readonly sha256: string } {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(PIECE);
  const descriptor = openToRead(file);
  try {
    let bytes = 0;
    for (;;) {
      const read = readSync(descriptor, buffer, 0, PIECE, null);
      if (read === 0) return { bytes, sha256: hash.digest("hex") };
      hash.update(buffer.subarray(0, read));
      bytes += read;
    }
  } finally {
    closeSync(descriptor);
  }
}
