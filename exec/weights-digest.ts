import { createHash } from "node:crypto";
import { readFileRange, readSafetensors } from "../datasets/index.ts";
import type { AdapterPair } from "./peft.ts";

/** Bytes that are read at once: a tensor may be larger than memory has room for twice. */
const PIECE = 2 ** 24;

/** SHA-256 (64 hex digits) over every tensor of a model folder: its name, type and shape, and its bytes. */
export function weightsDigest(folder: string): string {
  const hash = createHash("sha256");
  for (const { name, type, shape, file, start, end } of readSafetensors(folder).tensors) {
    hash.update(JSON.stringify([name, type, shape]));
    for (let from = start; from < end; from += PIECE)
      hash.update(readFileRange(file, from, Math.min(end, from + PIECE)));
  }
  return hash.digest("hex");
}

/** SHA-256 (64 hex digits) over an adapter: for each pair its layer, projection and values, little-endian. */
export function adapterDigest(pairs: readonly AdapterPair[]): string {
  const hash = createHash("sha256");
  for (const { layer, projection, a, b } of pairs) {
    hash.update(JSON.stringify([layer, projection, a.length, b.length]));
    for (const { buffer, byteOffset, byteLength } of [a, b])
      hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}
