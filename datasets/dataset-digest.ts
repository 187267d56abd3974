import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Row } from "./row.ts";

/** SHA-256 (64 hex digits) of the rows: for each its length, tokens and labels as little-endian 32-bit integers. */
export function datasetDigest(rows: readonly Row[]): string {
  const hash = sha256.create();
  for (const { inputIds, labels } of rows) {
    hash.update(new Uint8Array(Int32Array.of(inputIds.length).buffer));
    hash.update(new Uint8Array(inputIds.slice().buffer));
    hash.update(new Uint8Array(labels.slice().buffer));
  }
  return bytesToHex(hash.digest());
}
