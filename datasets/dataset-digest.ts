import { createHash } from "node:crypto";
import type { Row } from "./row.ts";

/** Jobs share rows, and a plan's are asked for again when it is trained. */
const known = new WeakMap<readonly Row[], string>();

/**
 * SHA-256 (64 hex digits) of the rows: for each its length, tokens and labels as little-endian 32-bit integers; where
 * answers are compared, their number, negative, their lengths and 1, 0 or -1 for a label, no or none, behind the length.
 */
export function datasetDigest(rows: readonly Row[]): string {
  const found = known.get(rows);
  if (found !== undefined) return found;
  const hash = createHash("sha256");
  for (const { inputIds, labels, answers, isDesirable } of rows) {
    hash.update(new Uint8Array(Int32Array.of(inputIds.length).buffer));
    if (answers !== undefined)
      hash.update(new Uint8Array(Int32Array.of(-answers.length, ...answers, Number(isDesirable ?? -1)).buffer));
    for (const { buffer, byteOffset, byteLength } of [inputIds, labels])
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  const digest = hash.digest("hex");
  known.set(rows, digest);
  return digest;
}
