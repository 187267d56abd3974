// A base with an adapter merged into it, as a folder that any program for the base reads.
import { existsSync } from "node:fs";
import path from "node:path";
import { groupBy, isMapping, sum } from "../../core/index.ts";
import { readFileRange, type TensorEntry, type TensorPieces, writePiecesOfTensors } from "../../datasets/index.ts";
import { readWholeText, writeWholeFile } from "../../files/index.ts";
import type { AdapterFolder } from "./adapter-folder.ts";
import type { BaseFolder } from "./base-folder.ts";
import { type Changes, changedBytes, changesOf } from "./merge-tensors.ts";
import { copyFiles, copyTokenizer } from "./new-folder.ts";

const INDEX = "model.safetensors.index.json";
/** Bytes of the base that are copied at once. */
const PIECE = 2 ** 26;

function* bytesOf({ file, start, end }: TensorEntry): Generator<Uint8Array> {
  for (let at = start; at < end; at += PIECE) yield readFileRange(file, at, Math.min(end, at + PIECE));
}

/** The tensors of a file of the base as they become, in the order in which they lie there. */
function piecesOf(base: BaseFolder, changes: Changes, tensors: readonly TensorEntry[]): readonly TensorPieces[] {
  return tensors
    .toSorted((one, other) => one.start - other.start)
    .map(({ name, type, shape, ...entry }) => {
      const change = changes.get(name);
      return {
        name,
        type: change === undefined ? type : base.reader.entry(change.from).type,
        shape,
        pieces: () =>
          change === undefined ? bytesOf({ name, type, shape, ...entry }) : [changedBytes(base, change, name)],
      };
    });
}

/** Tensors that the base does not have: the matrix of a head that was its embedding. */
function addedPieces(base: BaseFolder, changes: Changes): readonly TensorPieces[] {
  return [...changes]
    .filter(([name]) => !base.reader.has(name))
    .map(([name, change]) => {
      const { type, shape } = base.reader.entry(change.from);
      return { name, type, shape, pieces: () => [changedBytes(base, change, name)] };
    });
}

/** The base's index of several files, with what is added. */
function indexText(base: BaseFolder, added: readonly TensorPieces[], file: string): string {
  const index = JSON.parse(readWholeText(path.join(base.folder, INDEX))) as Record<string, unknown>;
  if (added.length === 0) return `${JSON.stringify(index, null, 2)}\n`;
  const metadata = isMapping(index["metadata"]) ? index["metadata"] : {};
  const sizes = added.map(({ shape }) => shape.reduce((product, size) => product * size, 1));
  const bytes = added.map(({ name }) => {
    const { start, end } = base.reader.entry(base.reader.has(name) ? name : "model.embed_tokens.weight");
    return end - start;
  });
  const more = (key: string, by: number): object =>
    typeof metadata[key] === "number" ? { [key]: (metadata[key] as number) + by } : {};
  return `${JSON.stringify(
    {
      ...index,
      metadata: { ...metadata, ...more("total_size", sum(bytes)), ...more("total_parameters", sum(sizes)) },
      weight_map: {
        ...(index["weight_map"] as object),
        ...Object.fromEntries(added.map(({ name }) => [name, path.basename(file)])),
      },
    },
    null,
    2,
  )}\n`;
}

/** Fills a folder with the merged model. @throws InputError where the adapter is not of the base */
export function writeMerged(folder: string, adapter: AdapterFolder, base: BaseFolder): void {
  const changes = changesOf(adapter, base);
  const files = groupBy(base.reader.tensors, ({ file }) => file);
  const added = addedPieces(base, changes);
  const last = [...files.keys()].toSorted().at(-1)!;
  for (const [file, tensors] of files) {
    const pieces = [...piecesOf(base, changes, tensors), ...(file === last ? added : [])];
    writePiecesOfTensors(path.join(folder, path.basename(file)), pieces, { format: "pt" });
  }
  if (existsSync(path.join(base.folder, INDEX))) writeWholeFile(path.join(folder, INDEX), indexText(base, added, last));
  if (changes.has("lm_head.weight") && base.arch.tiedEmbeddings) {
    const config = { ...base.config, tie_word_embeddings: false };
    writeWholeFile(path.join(folder, "config.json"), `${JSON.stringify(config, null, 2)}\n`);
  } else copyFiles(base.folder, folder, ["config.json"]);
  copyFiles(base.folder, folder, ["generation_config.json"]);
  copyTokenizer(adapter.folder, base.folder, folder);
}
