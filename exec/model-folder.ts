import path from "node:path";
import { contentHash, InputError } from "../core/index.ts";
import { readSafetensors, type SafetensorsReader, type TensorEntry } from "../datasets/index.ts";
import { readWholeText } from "../files/index.ts";
import {
  type Architecture,
  architectureFromConfig,
  checkDocument,
  huggingFaceConfigSchema,
  placeError,
  readText,
} from "../plan/index.ts";
import { checkFinite, checkFiniteBits } from "./finite-weights.ts";
import { checkTensors } from "./model-tensors.ts";
import { WeightDigests } from "./weight-digests.ts";

/**
 * Tensors by name.
 * @throws InputError when one is absent, of another shape, or holds what is no finite number
 */
export interface WeightSource {
  /** Converted to fp32. */
  read(name: string, shape: readonly number[]): Float32Array;
  /** The stored bits of a bfloat16 tensor; undefined for one that is stored in another type. */
  readBfloat16(name: string, shape: readonly number[]): Uint16Array | undefined;
}

/** What stages are loaded from. */
export interface BaseModel {
  readonly architecture: Architecture;
  readonly weights: WeightSource;
  /** Where it is on disk; absent of one that is made. */
  readonly folder?: string;
  /** Of weights that are in a file. */
  readonly digests?: WeightDigests;
}

/** A base model on disk. */
export interface ModelFolder extends BaseModel {
  readonly folder: string;
  /** Over the configuration and every tensor's name, type and shape. */
  readonly digest: string;
}

function readConfig(file: string): string {
  try {
    return readWholeText(file);
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError(
      { expected: "a model folder with config.json", file, got: (cause as NodeJS.ErrnoException).code ?? "no file" },
      { cause },
    );
  }
}

function shapedReader(reader: SafetensorsReader, folder: string, digests: WeightDigests): WeightSource {
  const entryOf = (name: string, shape: readonly number[]): TensorEntry => {
    const entry = reader.entry(name);
    if (entry.shape.length !== shape.length || entry.shape.some((size, i) => size !== shape[i])) {
      throw new InputError({
        expected: `shape [${shape.join(", ")}]`,
        at: name,
        got: entry.shape,
        file: folder,
        hint: "The weights do not belong to this config.json.",
      });
    }
    return entry;
  };
  return {
    read(name, shape) {
      const { file } = entryOf(name, shape);
      const values = reader.readTensor(name, (bytes) => digests.loaded(name, bytes));
      checkFinite(name, values, file);
      return values;
    },
    readBfloat16(name, shape) {
      const { type, file } = entryOf(name, shape);
      if (type !== "BF16") return undefined;
      const bytes = reader.readBytes(name);
      digests.loaded(name, bytes);
      const { buffer, byteOffset } = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
      const bits = new Uint16Array(buffer, byteOffset, bytes.byteLength / 2);
      checkFiniteBits(name, bits, file);
      return bits;
    },
  };
}

/**
 * @throws InputError for a missing or damaged file, an architecture that is not supported, or tensors that are not its
 */
export function openModelFolder(folder: string): ModelFolder {
  const file = path.join(folder, "config.json");
  const source = readText(readConfig(file), file);
  const config = checkDocument(huggingFaceConfigSchema, source.value, source);
  let architecture: Architecture;
  try {
    architecture = architectureFromConfig(config);
  } catch (error) {
    throw placeError(error, source);
  }
  const reader = readSafetensors(folder);
  try {
    checkTensors(reader.tensors, architecture);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError({ ...error.facts, file: folder }, { cause: error });
  }
  const tensors = reader.tensors.map(({ name, type, shape }) => ({ name, type, shape }));
  const digests = new WeightDigests(reader);
  return {
    folder,
    architecture,
    weights: shapedReader(reader, folder, digests),
    digests,
    digest: contentHash({ architecture, tensors }),
  };
}
