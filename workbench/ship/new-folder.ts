// A folder that is made, whole, and files that go along into it.
import { copyFileSync, existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import { checkFolder, type Place, writeWholeFolder } from "../../files/index.ts";

export interface WrittenFile {
  readonly name: string;
  readonly bytes: number;
}

/** @throws InputError for a folder that has something in it, or a file of that name */
export function refuseTaken(place: Place, folder: string): void {
  checkFolder(place, folder);
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined || (stats.isDirectory() && readdirSync(folder).length === 0)) return;
  throw new InputError({
    expected: "a folder that is not there yet",
    file: folder,
    got: stats.isDirectory() ? "a folder that is not empty" : "a file",
    hint: "Name another folder, or remove that one.",
  });
}

/** Makes a folder that has its name only once it is whole, and tells what is in it. */
export function writeNewFolder(folder: string, write: (unfinished: string) => void): readonly WrittenFile[] {
  writeWholeFolder(folder, write);
  return readdirSync(folder)
    .toSorted()
    .map((name) => ({ name, bytes: statSync(path.join(folder, name)).size }));
}

/** What a model's tokenizer may consist of, its chat template included. Source: transformers 5.24, save_pretrained. */
const TOKENIZER_FILES = [
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "chat_template.jinja", "chat_template.json"],
];

/** Copies files that are there. */
export function copyFiles(from: string, to: string, names: readonly string[]): void {
  for (const name of names)
    if (existsSync(path.join(from, name))) copyFileSync(path.join(from, name), path.join(to, name));
}

/** The folder whose tokenizer goes along: the adapter's, where it has been saved with it, else the base's. */
export function tokenizerFolder(adapter: string, base: string): string {
  return existsSync(path.join(adapter, "tokenizer_config.json")) ? adapter : base;
}

export function copyTokenizer(adapter: string, base: string, to: string): void {
  copyFiles(tokenizerFolder(adapter, base), to, TOKENIZER_FILES);
}
