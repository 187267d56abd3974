import { realpathSync, type Stats, statSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { absolute, readWholeText } from "../files/index.ts";
import { GOLDENS_FILE, readText } from "../plan/index.ts";
import { RUN_FILES, runKindOf } from "../runs/index.ts";
import type { Arguments } from "./command.ts";
import type { Io } from "./io.ts";
import type { WrittenFile } from "./option-table.ts";

/** Documents that name files beside themselves; those of other kinds do not, or are too large to look. */
const DOCUMENT = /\.(ya?ml|json)$/i;

function stats(file: string): Stats | undefined {
  try {
    return statSync(file);
  } catch {
    return undefined;
  }
}

/** All texts in a value. */
function texts(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(texts) : [];
}

/** What a workload or a plan names: data, a model, adapters. */
function namedIn(file: string): readonly string[] {
  if (!DOCUMENT.test(file)) return [];
  try {
    const { value } = readText(readWholeText(file), file);
    const { kind, locations } = (value ?? {}) as { readonly kind?: unknown; readonly locations?: unknown };
    const where = kind === "workload" ? value : kind === "plan" ? locations : undefined;
    return texts(where).map((text) => path.resolve(path.dirname(file), text));
  } catch {
    // Whoever reads it says what is wrong with it.
    return [];
  }
}

/** What `regress` writes, wherever that is. */
const OF_REGRESS = /\.(html|md|xml)$/i;

/** Whether a folder's reader reads a file in it: of a run, its own files alone; of any other folder, each. */
function isMember(io: Io, folder: string, inside: string): boolean {
  const [first] = inside.split(path.sep);
  if (runKindOf(io, folder) !== undefined) return Object.values<string>(RUN_FILES).includes(first!);
  return stats(path.join(folder, GOLDENS_FILE)) === undefined || !OF_REGRESS.test(inside);
}

/** Whether an input is what is to be written, or a folder that it is in. */
function wouldLose(io: Io, input: string, output: string): boolean {
  const [known, found] = [stats(input), stats(output)];
  if (known === undefined || found === undefined) return false;
  if (!known.isDirectory()) return known.dev === found.dev && known.ino === found.ino;
  const inside = path.relative(realpathSync(input), realpathSync(output));
  return inside !== "" && !inside.startsWith("..") && !path.isAbsolute(inside) && isMember(io, input, inside);
}

/** A file by the one name that it has, whether it is there or not. */
function realFile(file: string): string {
  const folder = path.dirname(file);
  if (stats(file) !== undefined) return realpathSync(file);
  return stats(folder) === undefined ? file : path.join(realpathSync(folder), path.basename(file));
}

/** Refuses two options that write one file. @throws InputError */
function refuseTwice(io: Io, written: readonly WrittenFile[]): void {
  const byFile = new Map<string, string>();
  for (const [name, given] of written) {
    const file = realFile(absolute(io, given));
    const other = byFile.get(file);
    if (other !== undefined)
      throw new InputError({ expected: `another file than that of --${other}`, at: `--${name}`, got: given });
    if (stats(file)?.isFile() !== false) byFile.set(file, name);
  }
}

/**
 * No command writes over what it reads: a file that was named, or that a workload or plan that was named goes on to
 * name, also by another name of the same file (links of both kinds), or inside a folder that was. And none writes one
 * file twice.
 * @throws InputError
 */
export function refuseLostFiles(io: Io, written: readonly WrittenFile[], args: Arguments): void {
  refuseTwice(io, written);
  const there = written.filter(([, given]) => stats(absolute(io, given))?.isFile() === true);
  if (there.length === 0) return;
  const named = Object.entries(args)
    // An option is there by its letter, too.
    .filter(([name]) => !written.some(([own]) => own === name) && name.length > 1 && name !== "$0")
    .flatMap(([, value]) => texts(value))
    .map((text) => absolute(io, text));
  const inputs = [...named, ...named.flatMap(namedIn)];
  for (const [option, given] of there) {
    const output = absolute(io, given);
    const input = inputs.find((each) => wouldLose(io, each, output));
    if (input !== undefined)
      throw new InputError({
        expected: "another file than those that are read",
        at: `--${option}`,
        got: given,
        hint: stats(input)!.isDirectory()
          ? `It is in ${path.relative(io.cwd, input)}, which is an input.`
          : `It would be written over ${path.relative(io.cwd, input)}, which is an input.`,
      });
  }
}
