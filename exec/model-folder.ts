import { readFileSync } from "node:fs";
import path from "node:path";
import { contentHash, InputError } from "../core/index.ts";
import { readSafetensors, type SafetensorsReader } from "../datasets/index.ts";
import {
  type Architecture,
  architectureFromConfig,
  checkDocument,
  huggingFaceConfigSchema,
  placeError,
  readText,
} from "../plan/index.ts";

/** Tensors by name, converted to fp32. */
export interface WeightSource {
  /** @throws InputError when it is absent or of another shape. */
  read(name: string, shape: readonly number[]): Float32Array;
}

/** What stages are loaded from. */
export interface BaseModel {
  readonly architecture: Architecture;
  readonly weights: WeightSource;
}

/** A base model on disk. */
export interface ModelFolder extends BaseModel {
  readonly folder: string;
  /** Over the configuration and every tensor's name, type and shape. */
  readonly digest: string;
}

function readConfig(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new InputError(
      { expected: "a model folder with config.json", file, got: (cause as NodeJS.ErrnoException).code ?? "no file" },
      { cause },
    );
  }
}

function shapedReader(reader: SafetensorsReader, folder: string): WeightSource {
  return {
    read(name, shape) {
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
      return reader.readTensor(name);
    },
  };
}

/** @throws InputError for a missing or damaged file, or an architecture that is not supported. */
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
  const tensors = reader.tensors.map(({ name, type, shape }) => ({ name, type, shape }));
  return {
    folder,
    architecture,
    weights: shapedReader(reader, folder),
    digest: contentHash({ architecture, tensors }),
  };
}
