import { readFileSync } from "node:fs";
import path from "node:path";
import { contentHash, InputError } from "../core/index.ts";
import { readSafetensors, type SafetensorsReader } from "../datasets/index.ts";
import { type Architecture, architectureFromConfig, huggingFaceConfigSchema, parseDocument } from "../plan/index.ts";

/** A base model on disk. */
export interface ModelFolder {
  readonly folder: string;
  readonly architecture: Architecture;
  readonly weights: SafetensorsReader;
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

/** @throws InputError for a missing or damaged file, or an architecture that is not supported. */
export function openModelFolder(folder: string): ModelFolder {
  const file = path.join(folder, "config.json");
  const config = parseDocument(huggingFaceConfigSchema, readConfig(file), file);
  let architecture: Architecture;
  try {
    architecture = architectureFromConfig(config);
  } catch (error) {
    if (error instanceof InputError) throw new InputError({ ...error.facts, file });
    throw error;
  }
  const weights = readSafetensors(folder);
  const tensors = weights.tensors.map(({ name, type, shape }) => ({ name, type, shape }));
  return { folder, architecture, weights, digest: contentHash({ architecture, tensors }) };
}

/** A tensor of a known shape. @throws InputError when it is absent or of another shape. */
export function readShaped(model: ModelFolder, name: string, shape: readonly number[]): Float32Array {
  const entry = model.weights.entry(name);
  if (entry.shape.length !== shape.length || entry.shape.some((size, i) => size !== shape[i])) {
    throw new InputError({
      expected: `shape [${shape.join(", ")}]`,
      at: name,
      got: entry.shape,
      file: model.folder,
      hint: "The weights do not belong to this config.json.",
    });
  }
  return model.weights.readTensor(name);
}
