import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { readFileRange, type SafetensorsReader, type TensorEntry } from "../datasets/index.ts";

/** Bytes that are read at once: a tensor may be larger than memory has room for twice. */
const PIECE = 2 ** 24;

/** What tells tensors of one name and shape apart: SHA-256 (64 hex digits) over name, type, shape and stored bytes. */
export class WeightDigests {
  readonly #reader: SafetensorsReader;
  readonly #known = new Map<string, Promise<string>>();

  constructor(reader: SafetensorsReader) {
    this.#reader = reader;
  }

  /** Bytes of a tensor that were read to be loaded. */
  loaded(name: string, bytes: Uint8Array): void {
    if (this.#known.has(name)) return;
    this.#known.set(name, Promise.resolve(begun(this.#reader.entry(name)).update(bytes).digest("hex")));
  }

  /** Of one that was loaded; another one is read for this alone, in pieces between which others have their turn. */
  of(name: string): Promise<string> {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const digest = readDigest(this.#reader.entry(name));
    this.#known.set(name, digest);
    return digest;
  }
}

function begun({ name, type, shape }: TensorEntry): ReturnType<typeof createHash> {
  return createHash("sha256").update(JSON.stringify([name, type, shape]));
}

async function readDigest(entry: TensorEntry): Promise<string> {
  const { file, start, end } = entry;
  const hash = begun(entry);
  for (let from = start; from < end; from += PIECE) {
    hash.update(readFileRange(file, from, Math.min(end, from + PIECE)));
    await setImmediate();
  }
  return hash.digest("hex");
}
