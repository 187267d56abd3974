import fs from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { readWholeText } from "../../files/index.ts";
import { decodeFloats, type FloatType } from "./float-formats.ts";
import { readFileRange, readHeader, type TensorEntry } from "./header.ts";

const FLOAT_TYPES: readonly string[] = ["F64", "F32", "F16", "BF16"] satisfies FloatType[];
const INDEX_NAME = "model.safetensors.index.json";

/** Tensors of a folder or file; headers are read and checked at once, data only when asked for. */
export interface SafetensorsReader {
  /** Every tensor, sorted by name. */
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  has(name: string): boolean;
  /** @throws InputError when there is no tensor of this name */
  entry(name: string): TensorEntry;
  /** The stored little-endian bytes, unconverted. */
  readBytes(name: string): Uint8Array;
  /** The values in row-major order, converted from F64, F32, F16 or BF16; `see` is shown the stored bytes. */
  readTensor(name: string, see?: (bytes: Uint8Array) => void): Float32Array;
}

function readIndex(folder: string): ReadonlyMap<string, string> {
  const file = path.join(folder, INDEX_NAME);
  const text = readWholeText(file);
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw new InputError({ expected: "an index of JSON", file, got: (cause as Error).message }, { cause });
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null)
    throw new InputError({ expected: "an object", at: "weight_map", file, got: map });
  const shards = new Map<string, string>();
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== "string" || path.basename(shard) !== shard || shard === "..") {
      throw new InputError({
        expected: "the name of a file in the same folder",
        at: `weight_map.${name}`,
        file,
        got: shard,
      });
    }
    shards.set(name, shard);
  }
  return shards;
}

/** The files to open, and for a sharded model which tensor is promised by which. */
function locate(folderOrFile: string): { files: readonly string[]; promised: ReadonlyMap<string, string> } {
  const stats = fs.statSync(folderOrFile, { throwIfNoEntry: false });
  if (stats === undefined) {
    throw new InputError({ expected: "a folder or file with safetensors", file: folderOrFile, got: "no such file" });
  }
  if (!stats.isDirectory()) return { files: [folderOrFile], promised: new Map() };
  const names = fs
    .readdirSync(folderOrFile)
    .filter((name) => name.endsWith(".safetensors"))
    .toSorted();
  if (fs.existsSync(path.join(folderOrFile, INDEX_NAME))) {
    const promised = readIndex(folderOrFile);
    const shards = [...new Set(promised.values())].toSorted();
    for (const shard of shards) {
      if (!names.includes(shard)) {
        const tensor = [...promised].find(([, file]) => file === shard)?.[0];
        const hint = `${INDEX_NAME} names it, for tensor ${tensor} among others.`;
        throw new InputError({
          expected: "the shard",
          file: path.join(folderOrFile, shard),
          got: "no such file",
          hint,
        });
      }
    }
    return { files: shards.map((shard) => path.join(folderOrFile, shard)), promised };
  }
  const usual = ["model.safetensors", "adapter_model.safetensors"].find((name) => names.includes(name));
  const [only] = names;
  if (usual === undefined && (names.length !== 1 || only === undefined)) {
    const expected = `model.safetensors or ${INDEX_NAME}`;
    throw new InputError({ expected, file: folderOrFile, got: names.length === 0 ? "no safetensors file" : names });
  }
  return { files: [path.join(folderOrFile, usual ?? only ?? "")], promised: new Map() };
}

function checkPromises(promised: ReadonlyMap<string, string>, entries: ReadonlyMap<string, TensorEntry>): void {
  for (const [name, shard] of promised) {
    const found = entries.get(name);
    if (found === undefined || path.basename(found.file) !== shard) {
      throw new InputError({
        expected: `tensor ${name} in ${shard}`,
        at: INDEX_NAME,
        got: found?.file ?? "no such tensor",
      });
    }
  }
}

/**
 * Opens a model or adapter folder (one file, or shards with an index) or a single safetensors file.
 * @throws InputError with file and tensor for a missing shard, a truncated file, or a header that contradicts itself
 */
export function readSafetensors(folderOrFile: string): SafetensorsReader {
  const { files, promised } = locate(folderOrFile);
  const entries = new Map<string, TensorEntry>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const file of files) {
    const header = readHeader(file);
    metadata = { ...metadata, ...header.metadata };
    for (const tensor of header.tensors) {
      const other = entries.get(tensor.name);
      if (other !== undefined) {
        throw new InputError({
          expected: "a tensor in one file only",
          file,
          at: `tensor ${tensor.name}`,
          got: other.file,
        });
      }
      entries.set(tensor.name, tensor);
    }
  }
  checkPromises(promised, entries);
  const entry = (name: string): TensorEntry => {
    const found = entries.get(name);
    if (found === undefined)
      throw new InputError({ expected: `tensor ${name}`, file: folderOrFile, got: "no such tensor" });
    return found;
  };
  const readBytes = (name: string): Uint8Array => {
    const { file, start, end } = entry(name);
    return readFileRange(file, start, end);
  };
  return {
    tensors: [...entries.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    metadata,
    has: (name) => entries.has(name),
    entry,
    readBytes,
    readTensor(name, see) {
      const { type, file } = entry(name);
      if (!FLOAT_TYPES.includes(type)) {
        const expected = `a dtype among ${FLOAT_TYPES.join(", ")}`;
        throw new InputError({ expected, file, at: `tensor ${name}`, got: type });
      }
      const bytes = readBytes(name);
      see?.(bytes);
      return decodeFloats(bytes, type as FloatType);
    },
  };
}
