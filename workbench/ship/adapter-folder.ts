// A PEFT folder of anyone's, as its own files have it: not as a job's adapter, so that nothing in it is passed over.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { InputError, isMapping, type Mapping } from "../../core/index.ts";
import { readSafetensors, type SafetensorsReader } from "../../datasets/index.ts";
import { patternOf } from "../../exec/index.ts";
import { readWholeText } from "../../files/index.ts";
import { patternAt, placeError, type ReadText, readText } from "../../plan/index.ts";
import { type AdapterModule, groupTensors, type OtherTensor } from "./adapter-tensors.ts";

export const ADAPTER_CONFIG = "adapter_config.json";
export const ADAPTER_WEIGHTS = "adapter_model.safetensors";

/** A module that has a low-rank update, with what its update is multiplied by in PEFT. */
export interface ScaledModule extends AdapterModule {
  readonly rank: number;
  readonly alpha: number;
  readonly scale: number;
  /** The rank that the configuration has for it. */
  readonly configRank: number;
}

export interface AdapterFolder {
  /** Absolute. */
  readonly folder: string;
  readonly config: Mapping;
  readonly rank: number;
  readonly alpha: number;
  readonly rslora: boolean;
  readonly dora: boolean;
  readonly modules: readonly ScaledModule[];
  /** Tensors that are no matrix of a low-rank update of a module. */
  readonly others: readonly OtherTensor[];
  readonly reader: SafetensorsReader;
}

/** Whether its matrices are of another rank than the configuration's: PEFT refuses to load them. */
export function hasOtherRank({ rank, configRank, parameter }: ScaledModule): boolean {
  // How many experts there are is not the configuration's to say.
  return parameter === undefined && rank !== configRank;
}

/** What a folder may be that is no adapter's. */
function folderHint(folder: string): string {
  const has = (name: string): boolean => existsSync(path.join(folder, name));
  if (has("plan.json") || has("setting.json")) return "It is a run's folder: name one in its adapters/ or best/.";
  if (has("config.json")) return "It is a model's folder, not an adapter's.";
  return "An adapter's folder is RUN/adapters/NAME, or one that PEFT's save_pretrained has written.";
}

function readConfig(folder: string): ReadText {
  const file = path.join(folder, ADAPTER_CONFIG);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new InputError({
      expected: "an adapter's folder",
      file: folder,
      got: existsSync(folder) ? "a file" : "no such folder",
    });
  if (!existsSync(file))
    throw new InputError({
      expected: `a PEFT folder with ${ADAPTER_CONFIG}`,
      file: folder,
      got: "no such file",
      hint: folderHint(folder),
    });
  return readText(readWholeText(file), file);
}

/** A number of a configuration, and what PEFT takes where it has none. */
function numberOf(source: ReadText, config: Mapping, key: string, missing: number): number {
  const value = config[key] ?? missing;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw placeError(new InputError({ expected: "a number", at: key, got: value }), source);
}

function patternsOf(source: ReadText, config: Mapping, key: string): Readonly<Record<string, number>> {
  const pattern = patternOf(config[key]);
  if (pattern !== undefined) return pattern;
  throw placeError(new InputError({ expected: "numbers by modules", at: key, got: config[key] }), source);
}

function openWeights(folder: string): SafetensorsReader {
  const file = path.join(folder, ADAPTER_WEIGHTS);
  if (existsSync(file)) return readSafetensors(file);
  const isPickled = existsSync(path.join(folder, "adapter_model.bin"));
  throw new InputError({
    expected: `a PEFT folder with ${ADAPTER_WEIGHTS}`,
    file: folder,
    got: isPickled ? "adapter_model.bin" : "no such file",
    ...(isPickled ? { hint: "Let PEFT write it again: load it, then save_pretrained(FOLDER)." } : {}),
  });
}

/** @throws InputError where the folder is no LoRA adapter, or its files contradict themselves */
export function readAdapterFolder(folder: string): AdapterFolder {
  const source = readConfig(folder);
  const config = source.value;
  if (!isMapping(config))
    throw new InputError({ expected: "a PEFT adapter configuration", file: source.file, got: config });
  if (config["peft_type"] !== "LORA")
    throw placeError(new InputError({ expected: '"LORA"', at: "peft_type", got: config["peft_type"] }), source);
  // Source of both defaults: LoraConfig, peft 0.21.
  const rank = numberOf(source, config, "r", 8);
  if (!Number.isSafeInteger(rank) || rank < 1)
    throw placeError(new InputError({ expected: "a positive whole number", at: "r", got: rank }), source);
  const alpha = numberOf(source, config, "lora_alpha", 8);
  const alphaAt = patternAt(patternsOf(source, config, "alpha_pattern"));
  const rankAt = patternAt(patternsOf(source, config, "rank_pattern"));
  const rslora = config["use_rslora"] === true;
  const reader = openWeights(folder);
  const { modules, others } = groupTensors(reader.tensors, config);
  return {
    folder,
    config,
    rank,
    alpha,
    rslora,
    dora: config["use_dora"] === true,
    modules: modules.map((module) => {
      // The matrices say which rank PEFT made them with; those of experts, with how many experts there are.
      const own = alphaAt(module.path) ?? alpha;
      const ownRank = module.parameter === undefined ? module.rank : (rankAt(module.path) ?? rank);
      const configRank = rankAt(module.path) ?? rank;
      return { ...module, rank: ownRank, alpha: own, scale: own / (rslora ? Math.sqrt(ownRank) : ownRank), configRank };
    }),
    others,
    reader,
  };
}
