import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { readSafetensors, type SafetensorsReader, type TensorToWrite, writeSafetensors } from "../datasets/index.ts";
import { readWholeText, writeWholeFile, writeWholeFolder } from "../files/index.ts";
import {
  type AdapterSpec,
  type Architecture,
  halfOf,
  PROJECTIONS,
  type Projection,
  placeError,
  projectionShape,
  readText,
  type StageLayer,
  stageLayers,
} from "../plan/index.ts";
import { checkFinite } from "./finite-weights.ts";
import { projectionPath } from "./projection-path.ts";

/** A [rank, in] and B [out, rank] of one projection of one layer, row major. */
export interface AdapterPair {
  readonly layer: number;
  readonly projection: Projection;
  readonly a: Float32Array;
  readonly b: Float32Array;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

function tensorName(arch: Architecture, layer: number, projection: Projection, matrix: "A" | "B"): string {
  return `base_model.model.${projectionPath(arch, layer, projection)}.lora_${matrix}.weight`;
}

/** All layers of a model. */
export function wholeLayers({ numLayers }: Architecture): readonly StageLayer[] {
  return stageLayers({ firstLayer: 0, endLayer: numLayers, recomputedLayers: 0 });
}

/** What B A x is multiplied by. */
export function adapterScale({ alpha, rank, rslora }: Pick<AdapterSpec, "alpha" | "rank" | "rslora">): number {
  return alpha / (rslora === true ? Math.sqrt(rank) : rank);
}

/** Projections of an adapter in some layers, in the order of its flat layout. */
export function adapterSites(
  spec: AdapterSpec,
  layers: readonly StageLayer[],
): readonly { readonly layer: number; readonly projection: Projection }[] {
  const targets = PROJECTIONS.filter((projection) => spec.targets.includes(projection));
  return layers.flatMap(({ layer, halves }) =>
    targets.filter((projection) => halves.includes(halfOf(projection))).map((projection) => ({ layer, projection })),
  );
}

/** Writes a folder, whole, that PEFT loads as it is; the same adapter gives the same bytes. */
export function writePeftFolder(
  folder: string,
  spec: AdapterSpec,
  arch: Architecture,
  base: string,
  pairs: readonly AdapterPair[],
): void {
  const config = {
    alpha_pattern: {},
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: spec.alpha,
    lora_dropout: spec.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: spec.rank,
    rank_pattern: {},
    revision: null,
    target_modules: [...spec.targets].sort(),
    task_type: "CAUSAL_LM",
    use_rslora: spec.rslora === true,
  };
  const tensors = pairTensors(spec, arch, pairs);
  writeWholeFolder(folder, (unfinished) => {
    writeWholeFile(path.join(unfinished, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
    writeSafetensors(path.join(unfinished, WEIGHTS), tensors, { format: "pt" });
  });
}

/** An adapter's matrices under PEFT's names, behind a prefix. */
export function pairTensors(
  spec: AdapterSpec,
  arch: Architecture,
  pairs: readonly AdapterPair[],
  prefix = "",
): readonly TensorToWrite[] {
  return pairs.flatMap(({ layer, projection, a, b }) => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    return [
      { name: prefix + tensorName(arch, layer, projection, "A"), shape: [spec.rank, inFeatures], values: a },
      { name: prefix + tensorName(arch, layer, projection, "B"), shape: [out, spec.rank], values: b },
    ];
  });
}

/**
 * All layers of an adapter from a file that has them under such names, whatever the numbers are.
 * @throws InputError where it has not
 */
export function readPairs(
  reader: SafetensorsReader,
  file: string,
  spec: AdapterSpec,
  arch: Architecture,
  prefix = "",
): readonly AdapterPair[] {
  const read = (name: string, shape: readonly number[]): Float32Array => {
    const entry = reader.entry(name);
    if (entry.shape.join() !== shape.join())
      throw new InputError({ expected: `shape [${shape.join(", ")}]`, at: name, got: entry.shape, file });
    return reader.readTensor(name);
  };
  return adapterSites(spec, wholeLayers(arch)).map(({ layer, projection }) => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    return {
      layer,
      projection,
      a: read(prefix + tensorName(arch, layer, projection, "A"), [spec.rank, inFeatures]),
      b: read(prefix + tensorName(arch, layer, projection, "B"), [out, spec.rank]),
    };
  });
}

function checkConfig(file: string, spec: AdapterSpec): void {
  const source = readText(readWholeText(file), file);
  if (typeof source.value !== "object" || source.value === null)
    throw new InputError({ expected: "a PEFT adapter configuration", file, got: source.value });
  const config = source.value as Readonly<Record<string, unknown>>;
  const refuse = (expected: string, at: string, hint?: string): never => {
    throw placeError(
      new InputError({ expected, at, got: config[at], ...(hint === undefined ? {} : { hint }) }),
      source,
    );
  };
  const wanted: readonly (readonly [string, unknown])[] = [
    ["peft_type", "LORA"],
    ["r", spec.rank],
    ["lora_alpha", spec.alpha],
  ];
  for (const [key, value] of wanted) {
    if (config[key] !== value) refuse(`${JSON.stringify(value)}, as the job's adapter has it,`, key);
  }
  const isRootScaled = config["use_rslora"] === true;
  if (isRootScaled !== (spec.rslora === true))
    refuse(
      `${!isRootScaled}, as the job's adapter has it,`,
      "use_rslora",
      isRootScaled ? "Write `adapter: { rslora: true }`." : "Leave `adapter.rslora` out.",
    );
  for (const key of ["use_dora", "fan_in_fan_out"]) {
    if (config[key] === true) refuse("a plain LoRA adapter", key);
  }
  for (const key of ["modules_to_save", "layers_to_transform", "exclude_modules", "trainable_token_indices"]) {
    const value = config[key];
    if (value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0))
      refuse("null: an adapter on all layers, and nothing else,", key);
  }
  const bias = config["bias"];
  if (bias !== undefined && bias !== null && bias !== "none") refuse('"none"', "bias");
  for (const key of ["rank_pattern", "alpha_pattern"]) {
    if (Object.keys((config[key] as object | null | undefined) ?? {}).length > 0)
      refuse("one rank and one alpha for all targets", key);
  }
  const targets = config["target_modules"];
  const written = Array.isArray(targets) ? [...targets].sort().join() : targets;
  const own = [...spec.targets].sort().join();
  if (written !== own) refuse(`the job's targets (${own})`, "target_modules");
}

/** Reads the pairs of a PEFT folder that has to be the job's adapter. @throws InputError where it is not, or not finite */
export function readPeftFolder(folder: string, spec: AdapterSpec, arch: Architecture): readonly AdapterPair[] {
  const configFile = path.join(folder, CONFIG);
  if (!existsSync(configFile))
    throw new InputError({ expected: `a PEFT folder with ${CONFIG}`, file: folder, got: "no such file" });
  checkConfig(configFile, spec);
  const file = path.join(folder, WEIGHTS);
  if (!existsSync(file))
    throw new InputError({ expected: `a PEFT folder with ${WEIGHTS}`, file: folder, got: "no such file" });
  const reader = readSafetensors(file);
  const pairs = readPairs(reader, file, spec, arch);
  const tensors = pairTensors(spec, arch, pairs);
  for (const { name, values } of tensors) checkFinite(name, values, file);
  const known = new Set(tensors.map(({ name }) => name));
  const other = reader.tensors.find(({ name }) => !known.has(name));
  if (other !== undefined)
    throw new InputError({ expected: "only tensors of the job's adapter", at: other.name, got: "another one", file });
  return pairs;
}
