import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { InvariantError } from "./errors.ts";

/**
 * JSON with sorted keys, no spaces and no `undefined` members: equal data gives equal bytes.
 * @throws InvariantError for a number that JSON cannot hold.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean" || typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") {
    if (!Number.isFinite(value))
      throw new InvariantError({ expected: "a finite number in a document", got: String(value) });
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) {
    // Plans have millions of texts in such lists.
    if (value.every((each) => typeof each === "string")) return JSON.stringify(value);
    return `[${value.map(canonicalJson).join(",")}]`;
  }
  if (typeof value === "object") {
    const record = value as Readonly<Record<string, unknown>>;
    const members = Object.keys(record)
      .filter((key) => record[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(record[key])}`);
    return `{${members.join(",")}}`;
  }
  throw new InvariantError({ expected: "JSON data", got: typeof value });
}

/** `sha256:` and 64 hexadecimal digits, over the canonical JSON. */
export function contentHash(value: unknown): string {
  return `sha256:${bytesToHex(sha256(utf8ToBytes(canonicalJson(value))))}`;
}
