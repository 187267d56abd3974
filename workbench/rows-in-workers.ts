import { availableParallelism } from "node:os";
import { type FileSource, type ReadDatasetOptions, type Row, readRowWork, type WholeRows } from "../datasets/index.ts";
import { builtWorker, inWorkers, type WorkerOptions } from "./in-workers.ts";
import { unpackRows } from "./packed-rows.ts";

/**
 * A thread begins in about 0.2 s, in which it loads the tokenizer and is slow at first; in as much time a warm one does
 * half a megabyte. From these on two threads save more than that.
 */
const WORTH = { bytes: 3e6, records: 3000 } as const;

/** Records a part: many parts, so that no thread is left with much when the others are done. */
const PART = 250;

/** Whether more threads would tokenize a file of so many bytes sooner. */
export function isWorthWorkers(source: FileSource, bytes: number, file = builtWorker()): boolean {
  const isMuch = bytes >= WORTH.bytes && (source.limit ?? WORTH.records) >= WORTH.records;
  return isMuch && source.format !== "tokens" && file !== null && availableParallelism() > 1;
}

/**
 * `readWholeRows` on several threads. Undefined where something is wrong with the data, which that says in the order of
 * the records, or nothing is to be tokenized.
 */
export async function readRowsInWorkers(
  data: FileSource,
  {
    tokenizerFolder,
    ...options
  }: ReadDatasetOptions & { readonly vocabularySize: number; readonly tokenizerFolder: string },
  workers: WorkerOptions = {},
): Promise<WholeRows | undefined> {
  try {
    const work = await readRowWork(data, options);
    if (work === undefined) return undefined;
    const { records, source, vocabularySize, ...about } = work;
    const parts = Array.from({ length: Math.ceil(records.length / PART) }, (_, part) => ({
      records: records.slice(part * PART, (part + 1) * PART),
    }));
    const packed = await inWorkers("rows", { tokenizerFolder, source, vocabularySize }, parts, workers);
    const rows = packed.flatMap((words, part): readonly Row[] => unpackRows(words, parts[part]!.records.length)!);
    return { ...about, rows, format: source.format, shuffle: source.shuffle ?? true };
  } catch {
    return undefined;
  }
}
