// The base model of an adapter, and where an adapter's modules are among its tensors.
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { InputError, type Mapping } from "../../core/index.ts";
import { isHubPath, readSafetensors, resolveModel, type SafetensorsReader } from "../../datasets/index.ts";
import { type ModelFolder, mixtureParts, openModelFolder } from "../../exec/index.ts";
import { absolute, type Place, readWholeText } from "../../files/index.ts";
import { type Architecture, copiesOf, expertsOf, projectionShape } from "../../plan/index.ts";
import type { AdapterFolder, ScaledModule } from "./adapter-folder.ts";

export interface BaseFolder {
  /** Absolute. */
  readonly folder: string;
  /** Of config.json. */
  readonly config: Mapping;
  readonly arch: Architecture;
  readonly model: ModelFolder;
  readonly reader: SafetensorsReader;
}

/** Where a person says that a base is, and where else it may be. */
export interface BaseChoice {
  readonly place: Place;
  readonly given?: string | undefined;
  /** That a run was trained on. */
  readonly ofRun?: string | undefined;
}

/** A name of the Hugging Face hub. */
const HUB_NAME = /^[\w.-]+\/[\w.-]+$/;

function nameIn({ config }: AdapterFolder): string | undefined {
  const name = config["base_model_name_or_path"];
  return typeof name === "string" && name !== "" ? name : undefined;
}

function isModel(folder: string): boolean {
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The folder that an adapter names, if it is there: as it is, from where a person is, or from the adapter. */
export function namedBase(adapter: AdapterFolder, { place, ofRun }: BaseChoice): string | undefined {
  const name = nameIn(adapter);
  const named =
    name === undefined || isHubPath(name) ? [] : [absolute(place, name), path.resolve(adapter.folder, name)];
  return [...named, ...(ofRun === undefined || isHubPath(ofRun) ? [] : [absolute(place, ofRun)])].find(isModel);
}

/** The base's folder. @throws InputError where there is none */
async function findBase(adapter: AdapterFolder, choice: BaseChoice): Promise<string> {
  const { place, given } = choice;
  if (given !== undefined) {
    try {
      return await resolveModel(given, { baseFolder: place.cwd });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      throw new InputError({ ...error.facts, at: "--base" }, { cause: error });
    }
  }
  const named = namedBase(adapter, choice);
  if (named !== undefined) return named;
  const name = nameIn(adapter);
  if (name !== undefined && isHubPath(name)) return await resolveModel(name);
  throw new InputError({
    expected: "the folder of the base model",
    at: "base_model_name_or_path",
    got: name ?? null,
    file: path.join(adapter.folder, "adapter_config.json"),
    hint:
      name !== undefined && HUB_NAME.test(name)
        ? `--base DIR names it; --base hf:${name} takes it from the Hugging Face hub.`
        : "--base DIR names it.",
  });
}

/** Opens an adapter's base. @throws InputError where it is not there, or not a model that loratwin reads */
export async function openBase(adapter: AdapterFolder, choice: BaseChoice): Promise<BaseFolder> {
  const folder = await findBase(adapter, choice);
  if (!existsSync(path.join(folder, "config.json")))
    throw new InputError({ expected: "a model folder with config.json", file: folder, got: "no such file" });
  const model = openModelFolder(folder);
  const config = JSON.parse(readWholeText(path.join(folder, "config.json"))) as Mapping;
  return { folder, config, arch: model.architecture, model, reader: readSafetensors(folder) };
}

/** One matrix of the base that an adapter's update is added to: in a tensor of its own, or one of several in a tensor. */
export interface BaseMatrix {
  readonly tensor: string;
  /** Of the expert whose A and B it takes. */
  readonly expert: number;
  /** Rows of B: from, and how many. */
  readonly rows: readonly [first: number, count: number];
  /** The tensor is [experts, in, out], and row `i` of B is its column `column(i)`. */
  readonly column?: (row: number) => number;
}

/** The tensor of a plain module. */
export function tensorOf({ arch, reader }: BaseFolder, { path: module }: Pick<ScaledModule, "path">): string {
  const name = `${module}.weight`;
  const layer = /^model\.layers\.(\d+)\.mlp\.(?:gate|router)$/.exec(module)?.[1];
  const experts = layer === undefined ? undefined : expertsOf(arch, Number(layer));
  if (reader.has(name) || experts === undefined) return name;
  return mixtureParts(arch, experts, Number(layer)).router.name;
}

/** In and out features of a module's matrix in the base, and how many there are; undefined where it has none. */
export function sizesOf(
  base: BaseFolder,
  module: ScaledModule,
): { readonly in: number; readonly out: number; readonly copies: number } | undefined {
  const { arch, reader } = base;
  if (module.parameter !== undefined) {
    const layer = Number(/\.layers\.(\d+)\./.exec(module.path)?.[1] ?? -1);
    if (layer < 0 || layer >= arch.numLayers || expertsOf(arch, layer) === undefined) return undefined;
    return { ...projectionShape(arch, module.parameter), copies: copiesOf(arch, module.parameter) };
  }
  if (module.path === "lm_head") return { in: arch.hiddenSize, out: arch.vocabularySize, copies: 1 };
  const name = tensorOf(base, module);
  if (!reader.has(name)) return undefined;
  const { shape } = reader.entry(name);
  return shape.length === 2 ? { in: shape[1]!, out: shape[0]!, copies: 1 } : undefined;
}
