import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { InputError, sum } from "../../core/index.ts";
import {
  aboutRows,
  type DataRecord,
  type FileSource,
  type ReadDatasetOptions,
  type Row,
  readRowWork,
  type WholeRows,
} from "../../datasets/index.ts";
import { builtWorker, inWorkers, type WorkerLimits, type WorkerOptions } from "../in-workers.ts";
import { unpackRows } from "./packed-rows.ts";

/**
 * A thread begins in about 0.2 s, in which it loads the tokenizer and is slow at first; in as much time a warm one does
 * half a megabyte. From these on two threads save more than that.
 */
const WORTH = { bytes: 3e6, records: 3000 } as const;

/** Records a part: many parts, so that no thread is left with much when the others are done. */
const PART = 250;

/**
 * What a tokenizer or a template that came with a model may take: the largest published tokenizers take 1 GB and some
 * seconds to load, and each tokenizes more than a megabyte a second.
 */
const HEAP_MEGABYTES = 2048;
const SECONDS = { beginning: 3, perTokenizerByte: 1 / 4e6, perCharacter: 1 / 1e5 } as const;

function charactersOf({ value }: DataRecord): number {
  return (JSON.stringify(value) ?? "").length;
}

const overLimits = new WeakSet<Error>();

/** Whether a tokenizer or a template took too much, and is not to be tried again without limits. */
export function isOverLimits(error: unknown): boolean {
  return error instanceof Error && (overLimits.has(error) || isOverLimits(error.cause));
}

/** Limits for tokenizing parts with the tokenizer of a folder. */
function limitsOf(
  tokenizerFolder: string,
  parts: readonly { readonly records: readonly DataRecord[] }[],
): WorkerLimits {
  const tokenizer = statSync(path.join(tokenizerFolder, "tokenizer.json"), { throwIfNoEntry: false })?.size ?? 0;
  return {
    heapMegabytes: HEAP_MEGABYTES,
    seconds: (part) =>
      SECONDS.beginning +
      SECONDS.perTokenizerByte * tokenizer +
      SECONDS.perCharacter * sum(parts[part]!.records.map(charactersOf)),
    exceeded(what, part) {
      const { place } = parts[part]!.records[0]!;
      const error = new InputError({
        expected: `a tokenizer, and a chat template, that need less ${what} for these records`,
        ...place,
        got: `those of ${tokenizerFolder}`,
        hint: "They came with the model. Nothing of theirs was kept.",
      });
      overLimits.add(error);
      return error;
    },
  };
}

/** Whether more threads would tokenize a file of so many bytes sooner. */
export function isWorthWorkers(source: FileSource, bytes: number, file = builtWorker()): boolean {
  const isMuch = bytes >= WORTH.bytes && (source.limit ?? WORTH.records) >= WORTH.records;
  return isMuch && source.format !== "tokens" && file !== null && availableParallelism() > 1;
}

/**
 * `readWholeRows` on threads of their own, within limits. Undefined where nothing is to be tokenized.
 * @throws InputError for the first record that is wrong, and for a tokenizer or template that takes too much
 */
export async function readRowsInWorkers(
  data: FileSource,
  {
    tokenizerFolder,
    ...options
  }: ReadDatasetOptions & { readonly vocabularySize: number; readonly tokenizerFolder: () => string },
  workers: WorkerOptions = {},
): Promise<WholeRows | undefined> {
  const work = await readRowWork(data, options);
  if (work === undefined) return undefined;
  const { records, source, vocabularySize, mostTokens, ...about } = work;
  const parts = Array.from({ length: Math.ceil(records.length / PART) }, (_, part) => ({
    records: records.slice(part * PART, (part + 1) * PART),
  }));
  const folder = tokenizerFolder();
  const shared = { tokenizerFolder: folder, source, vocabularySize, mostTokens };
  const packed = await inWorkers("rows", shared, parts, { limits: limitsOf(folder, parts), ...workers });
  let numJoined = 0;
  const ignored = new Set<string>();
  const rows = packed.flatMap((made, part): readonly Row[] => {
    if ("facts" in made) throw new InputError(made.facts);
    numJoined += made.numJoined;
    for (const name of made.ignored) ignored.add(name);
    return unpackRows(made.words, parts[part]!.records.length)!;
  });
  return {
    ...about,
    rows,
    numJoined,
    ignored: [...ignored],
    format: source.format,
    ...aboutRows(source, source.format),
  };
}
