// A folder from which `ollama create` makes a model of a base and an adapter.
import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { absolute, type Place, writeWholeFile } from "../../files/index.ts";
import type { AdapterFolder } from "./adapter-folder.ts";
import { ADAPTER_GGUF, writeAdapterGguf } from "./adapter-gguf.ts";
import type { BaseFolder } from "./base-folder.ts";
import { endTexts, readJson } from "./end-texts.ts";
import { copyFiles, copyTokenizer, tokenizerFolder } from "./new-folder.ts";

/** Settings of sampling, and Ollama's names for them. Source: Ollama v0.33, docs/modelfile.mdx. */
const SETTINGS = {
  temperature: "temperature",
  top_k: "top_k",
  top_p: "top_p",
  min_p: "min_p",
  repetition_penalty: "repeat_penalty",
} as const;

/** A text between quotes; three where it has one itself. */
function quoted(text: string): string {
  return text.includes('"') ? `"""${text}"""` : `"${text}"`;
}

/** What `--from` names: a file of the person's with its whole path, else a model of Ollama. */
export function ollamaBase(place: Place, from: string | undefined, base: BaseFolder): string {
  if (from === undefined) return base.folder;
  if (/[\r\n]/.test(from)) throw new InputError({ expected: "one line", at: "--from", got: from });
  const isPath = /\.gguf$/i.test(from) || /^[./~]/.test(from);
  if (!isPath) return from;
  const file = absolute(place, from);
  if (!existsSync(file)) throw new InputError({ expected: "a GGUF file or a folder", at: "--from", got: from });
  return file;
}

function modelfile(from: string, adapter: AdapterFolder, base: BaseFolder): string {
  const generation = readJson(base.folder, "generation_config.json");
  // transformers samples only where it is told to.
  const settings = generation["do_sample"] === true ? Object.entries(SETTINGS) : [];
  const stops = endTexts(base.folder, tokenizerFolder(adapter.folder, base.folder));
  return [
    "# Written by loratwin. `ollama create NAME -f Modelfile` makes the model.",
    "# The chat template is the base's own, from its GGUF.",
    `FROM ${from}`,
    `ADAPTER ./${ADAPTER_GGUF}`,
    ...settings.flatMap(([key, name]) =>
      typeof generation[key] === "number" ? [`PARAMETER ${name} ${generation[key]}`] : [],
    ),
    ...stops.map((text) => `PARAMETER stop ${quoted(text)}`),
    "",
  ].join("\n");
}

/** @throws InputError where the adapter is not of the base, or llama.cpp has no names for it */
export function writeOllama(folder: string, adapter: AdapterFolder, base: BaseFolder, from: string): void {
  writeAdapterGguf(folder, adapter, base);
  writeWholeFile(path.join(folder, "Modelfile"), modelfile(from, adapter, base));
  copyFiles(base.folder, folder, ["generation_config.json"]);
  copyTokenizer(adapter.folder, base.folder, folder);
}
