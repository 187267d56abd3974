import { createHash } from "node:crypto";
import type { Row } from "./row.ts";

/** Jobs share rows, and a plan's are asked for again when it is trained. */
const known = new WeakMap<readonly Row[], string>();

/** SHA-256 (64 hex digits) of the rows: for each its length, tokens and labels as little-endian 32-bit integers. */
export function datasetDigest(rows: readonly Row[]): string {
  const found = known.get(rows);
  if (found !== undefined) return found;
  const hash = createHash("sha256");
  for (const { inputIds, labels } of rows) {
    hash.update(new Uint8Array(Int32Array.of(inputIds.length).buffer));
    for (const { buffer, byteOffset, byteLength } of [inputIds, labels])
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  const digest = hash.digest("hex");
  known.set(rows, digest);
  return digest;
}
