import { createHash } from "node:crypto";
import { contentHash, InputError } from "../core/index.ts";
import type { Stage } from "../plan/index.ts";
import type { BaseModel } from "./model-folder.ts";
import { modelTensors, stageTensors } from "./model-tensors.ts";
import type { AdapterPair } from "./peft.ts";

/** By name of a tensor. */
export type TensorDigests = ReadonlyMap<string, string>;

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
