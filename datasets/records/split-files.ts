import { readerFor } from "./forms.ts";

/** Taken where nobody says which. */
const FIRST_SPLIT = "train";

/** Names of splits that are not trained on, as Hugging Face's `datasets` finds them in names of files and folders. */
const OTHER_SPLITS = ["test", "testing", "validation", "valid", "val", "dev", "eval", "evaluation"];

/** Files beside data that are no data: what `datasets` writes about them, and what it keeps for itself. */
const ABOUT_DATA = /^(?:\..*|(?:dataset_infos?|dataset_dict|state|config|package(?:-lock)?)\.json|cache-.*\.arrow)$/;

const TEXT = /\.txt(?:\.\w+)?$/i;

/** Which part of a path names the split: "train/0.jsonl" 0, "data/train-00000-of-00002.parquet" 1; -1 for none. */
function namedBy(parts: readonly string[], split: string): number {
  return parts.findIndex((part, index) => {
    if (index < parts.length - 1) return part === split;
    return part.startsWith(split) && /^[-_.]/.test(part.slice(split.length));
  });
}

/** A data file of a folder: its path in it, and the folder in which it stands with the files of all splits. */
export interface SplitFile {
  readonly name: string;
  readonly within: string;
}

/**
 * The data files of a split among the paths of a folder, in their order: those with names such as "train.jsonl",
 * "train-00000-of-00002.parquet" and "train_1.csv", and those in a folder "train". Where nobody asks for a split and no
 * name has one, all are taken.
 */
export function splitFiles(names: readonly string[], split: string | undefined): readonly SplitFile[] {
  const all = names
    .map((name) => ({ name, parts: name.split(/[/\\]/) }))
    .filter(({ name, parts }) => readerFor(name) !== undefined && !parts.some((part) => ABOUT_DATA.test(part)))
    .sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  // Beside tables and lists a text is about them.
  const others = all.filter(({ name }) => !TEXT.test(name));
  const files = others.length > 0 ? others : all;
  const of = (wanted: string): readonly SplitFile[] =>
    files.flatMap(({ name, parts }) => {
      const at = namedBy(parts, wanted);
      return at < 0 ? [] : [{ name, within: parts.slice(0, at).join("/") }];
    });
  const found = of(split ?? FIRST_SPLIT);
  if (found.length > 0 || split !== undefined || OTHER_SPLITS.some((other) => of(other).length > 0)) return found;
  return files.map(({ name, parts }) => ({ name, within: parts.slice(0, -1).join("/") }));
}

/** What a folder that has no data files of a split should have. */
export function filesWanted(split: string | undefined): string {
  return `data files that start with "${split ?? FIRST_SPLIT}", or in a folder of that name`;
}
