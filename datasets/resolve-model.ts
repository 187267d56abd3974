import fs from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { nearFileHint } from "../files/index.ts";
import { type DownloadOptions, downloadModel } from "./hub/download.ts";
import { isHubPath } from "./hub/hub-path.ts";

export interface ResolveModelOptions extends DownloadOptions {
  /** Relative paths start here; the current folder when absent. */
  readonly baseFolder?: string | undefined;
}

/** What a folder must hold before anything is read from it: for each need, the files that meet it. */
const NEEDS = [["config.json"], ["model.safetensors", "model.safetensors.index.json"]];
/** The same before a text is tokenized. */
const TOKENIZER_NEEDS = [["tokenizer.json"], ["tokenizer_config.json"]];

/** What a folder may be that lacks what a model's has. */
function folderHint(folder: string): string {
  const names = fs.readdirSync(folder);
  if (names.includes("adapter_config.json"))
    return "It is an adapter's: `model` is its base, and a job's `adapter: { init: FOLDER }` starts from it.";
  if (names.some((name) => name.endsWith(".gguf"))) return "GGUF files are not read: take the model as safetensors.";
  if (names.some((name) => /^pytorch_model.*\.bin$/.test(name)))
    return "Weights are read from safetensors alone: transformers' `save_pretrained` writes them.";
  return "A model's folder has config.json, model.safetensors and the tokenizer's files, as on the Hugging Face hub.";
}

/** @throws InputError */
function checkFiles(folder: string, needs: readonly (readonly string[])[], hint = folderHint(folder)): void {
  const missing = needs.find((names) => !names.some((name) => fs.existsSync(path.join(folder, name))));
  if (missing === undefined) return;
  throw new InputError({ expected: `a folder with ${missing.join(" or ")}`, at: "model.path", got: folder, hint });
}

const OTHER_MODELS =
  "`loratwin init-model FOLDER` makes a small random one; hf:owner/name is one of the Hugging Face hub.";

/** A path that may be a name of the hub, in a folder that is not there. */
const HUB_NAME = /^[\w-]+\/[\w.-]+$/;

function missingModelHint(given: string, folder: string): string {
  if (HUB_NAME.test(given) && !fs.existsSync(path.dirname(folder)))
    return `Write hf:${given} for the model of the hub.`;
  return nearFileHint(folder) ?? OTHER_MODELS;
}

/** Whether a model's folder has a tokenizer, which data of token ids do without. @throws InputError where it has not */
export function checkTokenizerFiles(folder: string): void {
  const hint =
    "Copy tokenizer.json and tokenizer_config.json from the model that it comes from; rows of token ids do without.";
  checkFiles(folder, TOKENIZER_NEEDS, hint);
}

/**
 * The folder of a base model: a local one, or `hf:owner/name[@revision]` downloaded into the cache.
 * @throws InputError when the folder or a needed file is missing; DeviceError when the hub cannot be reached
 */
export async function resolveModel(pathOrHub: string, options: ResolveModelOptions = {}): Promise<string> {
  const isRemote = isHubPath(pathOrHub);
  const folder = isRemote
    ? await downloadModel(pathOrHub, options)
    : path.resolve(options.baseFolder ?? ".", pathOrHub);
  const stats = fs.statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isDirectory()) {
    const got = stats === undefined ? "no such folder" : "a file";
    const hint = stats === undefined ? missingModelHint(pathOrHub, folder) : OTHER_MODELS;
    throw new InputError({ expected: "a model folder", at: "model.path", got: `${folder} (${got})`, hint });
  }
  if (isRemote)
    checkFiles(folder, [...NEEDS, ...TOKENIZER_NEEDS], "Only models in safetensors with a tokenizer.json can be used.");
  else checkFiles(folder, NEEDS);
  return folder;
}
