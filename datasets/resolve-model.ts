import fs from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
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

/** @throws InputError */
function checkFiles(folder: string, needs: readonly (readonly string[])[], hint?: string): void {
  const missing = needs.find((names) => !names.some((name) => fs.existsSync(path.join(folder, name))));
  if (missing === undefined) return;
  const facts = { expected: `a folder with ${missing.join(" or ")}`, at: "model.path", got: folder };
  throw new InputError(hint === undefined ? facts : { ...facts, hint });
}

/** Whether a model's folder has a tokenizer, which data of token ids do without. @throws InputError where it has not */
export function checkTokenizerFiles(folder: string): void {
  checkFiles(folder, TOKENIZER_NEEDS);
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
    const hint = "`loratwin init-model FOLDER` makes a small random one; hf:owner/name is one of the Hugging Face hub.";
    throw new InputError({ expected: "a model folder", at: "model.path", got: `${folder} (${got})`, hint });
  }
  if (isRemote)
    checkFiles(folder, [...NEEDS, ...TOKENIZER_NEEDS], "Only models in safetensors with a tokenizer.json can be used.");
  else checkFiles(folder, NEEDS);
  return folder;
}
