import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { contentHash, InputError } from "../core/index.ts";
import { readFileRange, type SafetensorsReader, type TensorEntry } from "../datasets/index.ts";
import type { Stage } from "../plan/index.ts";
import type { BaseModel } from "./model-folder.ts";
import { modelTensors, stageTensors } from "./model-tensors.ts";
import type { AdapterPair } from "./peft.ts";

/** Bytes that are read at once: a tensor may be larger than memory has room for twice. */
const PIECE = 2 ** 24;

/** By name of a tensor. */
export type TensorDigests = ReadonlyMap<string, string>;

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

/** Those of a stage's tensors. Undefined for weights that are in no file. @throws InputError */
export async function stageDigests(
  { architecture, digests }: BaseModel,
  stage: Stage,
): Promise<TensorDigests | undefined> {
  if (digests === undefined) return undefined;
  const all = new Map<string, string>();
  for (const { name } of stageTensors(architecture, stage)) all.set(name, await digests.of(name));
  return all;
}

/**
 * Another machine has loaded, for a stage, what is in this one's model.
 * @throws InputError with the first tensor that is not the same
 */
export function checkStageDigests(own: TensorDigests, other: TensorDigests, folder: string, where: string): void {
  const differing = [...own].flatMap(([name, digest]) => (other.get(name) === digest ? [] : [name]));
  if (differing.length === 0) return;
  throw new InputError({
    expected: "the weights that the first machine has",
    at: differing[0]!,
    got: "other numbers",
    file: folder,
    detail: `On ${where}: ${differing.length} of its ${own.size} tensors differ.`,
    hint: "Every machine needs the same model in the same folder.",
  });
}

/**
 * The digest of a model's weights: over those of all tensors that the decoder reads. Undefined for weights that are in no
 * file. @throws InputError
 */
export async function weightsDigest({ architecture, digests }: BaseModel): Promise<string | undefined> {
  if (digests === undefined) return undefined;
  const all: (readonly [string, string])[] = [];
  for (const { name } of modelTensors(architecture)) all.push([name, await digests.of(name)]);
  return contentHash(all);
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
