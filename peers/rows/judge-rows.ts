import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { counted } from "../../core/index.ts";
import { type FileSource, loadTokenizer } from "../../datasets/index.ts";
import { runScript } from "../programs.ts";
import type { ReadRow, RowPair } from "./compare-rows.ts";
import { drawRows, NUM_ROWS, type RowFile } from "./draw-rows.ts";
import { SENTENCES } from "./draw-texts.ts";
import { readOurRows } from "./read-rows.ts";
import { TEMPLATES } from "./templates.ts";

export const LIBRARIES = { trl: "TRL", axolotl: "Axolotl" } as const;
export type Library = keyof typeof LIBRARIES;

/** A line of a script: what the library made of one row. */
interface Line {
  readonly file: string;
  readonly row: number;
  readonly made: ReadRow;
}

/** A model's cutoff that no row reaches, but where the kind sets one. */
const CUTOFF = 1024;

const fileOf = (folder: string, { name }: RowFile): string =>
  path.join(folder, `${name.replaceAll(/[^A-Za-z]+/g, "-")}.jsonl`);

/** As a workload would name a drawn file. */
export function sourceOf({ kind }: Pick<RowFile, "kind">, library: Library, file: string): FileSource {
  const template = kind.template === undefined ? {} : { chatTemplate: TEMPLATES[kind.template] };
  return { path: file, like: library, ...template, ...kind[library]?.source };
}

async function judgeLibrary(
  python: string,
  folder: string,
  library: Library,
  drawn: readonly RowFile[],
): Promise<readonly RowPair[]> {
  const files = drawn.filter(({ kind }) => kind[library] !== undefined);
  const told = files.map((each) => ({
    ...{ name: each.name, path: fileOf(folder, each), count: each.rows.length },
    tokenizer: path.join(folder, each.tokenizer),
    chat_template: each.kind.template === undefined ? null : TEMPLATES[each.kind.template],
    max_length: CUTOFF,
    ...each.kind[library],
  }));
  const lines: Line[] = [];
  await runScript(python, `rows_${library}.py`, told, (line) => void lines.push(JSON.parse(line) as Line));
  const pairs: RowPair[] = [];
  for (const each of files) {
    const cutoff = Number(each.kind.trl?.settings?.["max_length"] ?? CUTOFF);
    const source = sourceOf(each, library, fileOf(folder, each));
    const ours = await readOurRows(source, loadTokenizer(path.join(folder, each.tokenizer)), cutoff);
    const nothing: ReadRow = { refused: "nothing was said of it" };
    for (const [index, row] of each.rows.entries()) {
      const theirs = lines.find((line) => line.file === each.name && line.row === index)?.made ?? nothing;
      pairs.push({ library: LIBRARIES[library], file: each.name, row, theirs, ours: ours[index] ?? nothing });
    }
  }
  return pairs;
}

/** Draws rows, and asks the libraries and loratwin what they make of them. */
export async function judgeRows(
  python: string,
  seed: number,
  libraries: readonly Library[],
  folder: string,
  note: (text: string) => void,
): Promise<readonly RowPair[]> {
  if (libraries.length === 0) return [];
  mkdirSync(folder, { recursive: true });
  const drawn = drawRows(seed);
  note(`draws ${counted(NUM_ROWS, "row")}`);
  for (const each of drawn)
    writeFileSync(fileOf(folder, each), each.rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await runScript(python, "rows_tokenizers.py", { folder, texts: SENTENCES });
  const pairs: RowPair[] = [];
  for (const library of libraries) {
    note(`reads them with ${LIBRARIES[library]}`);
    pairs.push(...(await judgeLibrary(python, folder, library, drawn)));
  }
  return pairs;
}
