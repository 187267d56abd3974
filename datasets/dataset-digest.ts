import { createHash } from "node:crypto";
import type { Row } from "./row.ts";

/** SHA-256 (64 hex digits) of the rows: for each its length, tokens and labels as little-endian 32-bit integers. */
export function datasetDigest(rows: readonly Row[]): string {
  const hash = createHash("sha256");
  for (const { inputIds, labels } of rows) {
    hash.update(new Uint8Array(Int32Array.of(inputIds.length).buffer));
    for (const { buffer, byteOffset, byteLength } of [inputIds, labels])
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}
