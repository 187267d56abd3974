// Which tensors of a base an adapter changes, and what they become.
import { InputError } from "../../core/index.ts";
import { decodeFloats, encodeFloats, type FloatType, type TensorEntry } from "../../datasets/index.ts";
import { checkFinite, fromPeftB, mixtureParts, TOKEN_ROWS, tokenIndices, turn } from "../../exec/index.ts";
import { type Architecture, expertsOf } from "../../plan/index.ts";
import type { AdapterFolder, ScaledModule } from "./adapter-folder.ts";
import { PREFIX } from "./adapter-tensors.ts";
import { type BaseFolder, sizesOf, tensorOf } from "./base-folder.ts";
import { mergeColumns, mergeRows, type Update } from "./merge-matrix.ts";

const EMBEDDING = "model.embed_tokens.weight";
const HEAD = "lm_head.weight";

/** What a tensor of the merged model is made from. */
interface Change {
  /** The tensor of the base that it starts from. */
  readonly from: string;
  apply(weights: Float32Array, isStoredWhole: boolean): void;
}

/** By the tensor's name in the merged model. */
export type Changes = ReadonlyMap<string, Change>;

/** A tensor of an adapter. @throws InputError where a number of it is none */
export function readFinite({ reader }: AdapterFolder, { name, file }: TensorEntry): Float32Array {
  const values = reader.readTensor(name);
  checkFinite(name, values, file);
  return values;
}

/** A module's matrices. @throws InputError where they are not finite */
export function readMatrices(
  adapter: AdapterFolder,
  { a, b, magnitude }: ScaledModule,
): { readonly a: Float32Array; readonly b: Float32Array; readonly magnitudes: Float32Array | undefined } {
  return {
    a: readFinite(adapter, a),
    b: readFinite(adapter, b),
    magnitudes: magnitude === undefined ? undefined : readFinite(adapter, magnitude),
  };
}

/** @throws InputError where a module's matrices are not of the base's */
export function checkShapes(base: BaseFolder, module: ScaledModule): void {
  const { a, b, magnitude, rank, path } = module;
  const sizes = sizesOf(base, module);
  if (sizes === undefined)
    throw new InputError({
      expected: "modules that the base has",
      at: a.name,
      got: path,
      file: a.file,
      hint: `The base is ${base.folder}; --base names another.`,
    });
  const { in: inFeatures, out, copies } = sizes;
  const wanted = [
    [a, [copies * rank, inFeatures]],
    [b, [out, copies * rank]],
    ...(magnitude === undefined ? [] : [[magnitude, [out]] as const]),
  ] as const;
  for (const [{ name, shape, file }, of] of wanted)
    if (shape.join() !== of.join())
      throw new InputError({
        expected: `shape [${of.join(", ")}]`,
        at: name,
        got: shape,
        file,
        hint: `The base is ${base.folder}; --base names another.`,
      });
}

/** Of all experts, A [experts, rank, in] and B [experts, out, rank]; the update of rows of one. */
function expertUpdate(
  adapter: AdapterFolder,
  module: ScaledModule,
  arch: Architecture,
): (expert: number, first: number, count: number) => Update {
  const { rank, scale, parameter } = module;
  const { a, b: peftB } = readMatrices(adapter, module);
  const b = fromPeftB(arch, parameter!, peftB);
  const inFeatures = module.a.shape[1]!;
  const out = module.b.shape[0]!;
  return (expert, first, count) => ({
    a: a.subarray(expert * rank * inFeatures, (expert + 1) * rank * inFeatures),
    b: b.subarray((expert * out + first) * rank, (expert * out + first + count) * rank),
    ...{ rank, scale, inFeatures },
  });
}

/** A function's values, the last two kept: matrices of the experts of a layer are read once for all of its tensors. */
function lastTwoOf<T>(make: (key: ScaledModule) => T): (key: ScaledModule) => T {
  const known = new Map<ScaledModule, T>();
  return (key) => {
    const value = known.get(key) ?? make(key);
    known.set(key, value);
    const [oldest] = known.keys();
    if (known.size > 2) known.delete(oldest!);
    return value;
  };
}

function addExpertChanges(
  changes: Map<string, Change>,
  { arch }: BaseFolder,
  module: ScaledModule,
  updatesOf: (module: ScaledModule) => (expert: number, first: number, count: number) => Update,
): void {
  const layer = Number(/\.layers\.(\d+)\./.exec(module.path)![1]);
  const experts = expertsOf(arch, layer)!;
  const parts = mixtureParts(arch, experts, layer);
  const isGateUp = module.parameter === "experts_gate_up_proj";
  const { tensors } = isGateUp ? parts.gateUp : parts.down;
  const out = module.b.shape[0]!;
  if (experts.stored === "stacked") {
    const { name } = tensors[0]!;
    changes.set(name, {
      from: name,
      apply(weights, isStoredWhole) {
        const size = weights.length / experts.count;
        const column = isGateUp ? (row: number): number => turn(row, out / 2) : (row: number): number => row;
        for (let expert = 0; expert < experts.count; expert += 1)
          mergeColumns(
            weights.subarray(expert * size, (expert + 1) * size),
            updatesOf(module)(expert, 0, out),
            column,
            isStoredWhole,
          );
      },
    });
    return;
  }
  const perExpert = tensors.length / experts.count;
  const rows = out / perExpert;
  for (const [index, { name }] of tensors.entries())
    changes.set(name, {
      from: name,
      apply: (weights, isStoredWhole) =>
        mergeRows(
          weights,
          updatesOf(module)(Math.floor(index / perExpert), (index % perExpert) * rows, rows),
          isStoredWhole,
        ),
    });
}

/** Rows in place of the embedding's, which those of a tied head are too. @throws InputError where they are of another module */
function addTokenRows(changes: Map<string, Change>, adapter: AdapterFolder, { arch }: BaseFolder): void {
  const { config, others, reader } = adapter;
  const given = config["trainable_token_indices"];
  const found = others.filter(({ kind }) => kind === "trainable tokens");
  const tokens = tokenIndices(given);
  if (found.length === 0 && tokens === undefined) return;
  const { hiddenSize, vocabularySize } = arch;
  const isToken = (id: unknown): boolean => Number.isSafeInteger(id) && Number(id) >= 0 && Number(id) < vocabularySize;
  if (!Array.isArray(tokens) || !tokens.every(isToken))
    throw new InputError({
      expected: `ids below ${vocabularySize}, of rows of embed_tokens alone,`,
      at: "trainable_token_indices",
      got: given,
    });
  const at = `${PREFIX}${TOKEN_ROWS}`;
  const [own] = found;
  const shape = [tokens.length, hiddenSize];
  if (own === undefined || found.length > 1 || own.name !== at || reader.entry(at).shape.join() !== shape.join())
    throw new InputError({
      expected: `one tensor of rows, of shape [${shape.join(", ")}],`,
      at,
      got: own === undefined ? "none" : found.map(({ name }) => name).join(", "),
    });
  const rows = readFinite(adapter, reader.entry(at));
  changes.set(EMBEDDING, {
    from: EMBEDDING,
    apply(weights) {
      for (const [row, token] of (tokens as readonly number[]).entries())
        weights.set(rows.subarray(row * hiddenSize, (row + 1) * hiddenSize), token * hiddenSize);
    },
  });
}

/** All that an adapter changes. @throws InputError where its matrices do not belong to the base */
export function changesOf(adapter: AdapterFolder, base: BaseFolder): Changes {
  const changes = new Map<string, Change>();
  const updatesOf = lastTwoOf((module) => expertUpdate(adapter, module, base.arch));
  for (const module of adapter.modules) {
    checkShapes(base, module);
    if (module.parameter !== undefined) {
      addExpertChanges(changes, base, module, updatesOf);
      continue;
    }
    const isTiedHead = module.path === "lm_head" && base.arch.tiedEmbeddings;
    const name = isTiedHead ? HEAD : tensorOf(base, module);
    const { rank, scale } = module;
    changes.set(name, {
      // A tied head gets a matrix of its own, or the embedding would change with it.
      from: isTiedHead ? EMBEDDING : name,
      apply: (weights, isStoredWhole) =>
        mergeRows(
          weights,
          { ...readMatrices(adapter, module), rank, scale, inFeatures: module.a.shape[1]! },
          isStoredWhole,
        ),
    });
  }
  addTokenRows(changes, adapter, base);
  return changes;
}

const FLOATS: readonly string[] = ["F32", "F16", "BF16", "F64"] satisfies FloatType[];

/** What a changed tensor's bytes become, in the base's type. @throws InputError where they would not be finite */
export function changedBytes({ reader }: BaseFolder, { from, apply }: Change, name: string): Uint8Array {
  const { type, file } = reader.entry(from);
  if (!FLOATS.includes(type))
    throw new InputError({ expected: `a dtype among ${FLOATS.join(", ")}`, file, at: `tensor ${from}`, got: type });
  // A base in float32 may lie in a buffer that others see.
  const weights = reader.readTensor(from);
  checkFinite(from, weights, file);
  apply(weights, type === "F32" || type === "F64");
  checkFinite(name, weights, "the merged model");
  const bytes = encodeFloats(weights, type as FloatType);
  // What float32 holds may be too large for it.
  if (type === "F16") checkFinite(name, decodeFloats(bytes, type), "the merged model in F16");
  return bytes;
}
