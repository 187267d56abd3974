import { statSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { InputError } from "../../core/index.ts";
import {
  type DataFormat,
  type FileSource,
  type MadeOrRefused,
  type MadeRow,
  makeRows,
  type Place,
  type RowPart,
  readRowParts,
  type SeenRecord,
  seenOfPart,
} from "../../datasets/index.ts";
import { builtWorker, type WorkerLimits, type WorkerOptions, WorkerThreads } from "../in-workers.ts";
import type { PackedPart } from "../worker-tasks.ts";
import { unpackRows } from "./packed-rows.ts";

/**
 * A thread begins in about 0.2 s, in which it loads the tokenizer and is slow at first; in as much time a warm one does
 * half a megabyte. From these on two threads save more than that.
 */
const WORTH = { bytes: 3e6, records: 3000 } as const;

/**
 * What a tokenizer or a template that came with a model may take: the largest published tokenizers take 1 GB and some
 * seconds to load, and each tokenizes more than a megabyte a second.
 */
const HEAP_MEGABYTES = 2048;
const SECONDS = { beginning: 3, perTokenizerByte: 1 / 2e6, perCharacter: 1 / 5e4 } as const;

const overLimits = new WeakSet<Error>();

/** Whether a tokenizer or a template took too much, and is not to be tried again. */
export function isOverLimits(error: unknown): boolean {
  return error instanceof Error && (overLimits.has(error) || isOverLimits(error.cause));
}

/** A part on its way to a thread. */
type SentPart = RowPart & { readonly turn: Int32Array };

/** Limits for work with the tokenizer of a folder. `about`: what it is done for, and where that stands. */
export function tokenizerLimits<Part extends { readonly characters: number }>(
  tokenizerFolder: string,
  about: (part: Part) => Partial<Place> & { readonly work: string },
): WorkerLimits<Part> {
  const tokenizer = statSync(path.join(tokenizerFolder, "tokenizer.json"), { throwIfNoEntry: false })?.size ?? 0;
  return {
    heapMegabytes: HEAP_MEGABYTES,
    seconds: ({ characters }) =>
      SECONDS.beginning + SECONDS.perTokenizerByte * tokenizer + SECONDS.perCharacter * characters,
    exceeded(what, part) {
      const { work, ...place } = about(part);
      const error = new InputError({
        expected: `a tokenizer, and a chat template, that need less ${what} for this ${work}`,
        ...place,
        got: `those of ${tokenizerFolder}`,
        hint: "They came with the model. Nothing of theirs was kept.",
      });
      overLimits.add(error);
      return error;
    },
  };
}

/** Whether more threads would tokenize files of so many bytes sooner. */
export function isWorthWorkers({ limit = WORTH.records }: FileSource, bytes: number): boolean {
  return bytes >= WORTH.bytes && limit >= WORTH.records && availableParallelism() > 1;
}

export interface SeeRowsOptions {
  /** Where the source stands in its document, for error messages: "jobs[0].data". */
  readonly at: string;
  /** Ids are below this; the tokenizer's when absent. */
  readonly vocabularySize?: number;
  /** Of a row with more tokens only so many are needed, and one that shows that there are more; all when absent. */
  readonly mostTokens?: number;
  /** The folder of the tokenizer. Called only for formats that need one. @throws InputError where there is none */
  readonly tokenizerFolder: (format: DataFormat) => string;
  /** Told how many bytes of how many have become rows. */
  readonly onRead?: ((bytes: number, ofBytes: number) => void) | undefined;
}

/** The columns of which nothing is made are told with the first record. */
function unpack(
  { words, joined, remarks, names, ignored, refused }: PackedPart,
  { records, format }: RowPart,
): readonly MadeOrRefused[] {
  const why = new Map(refused);
  const isJoined = new Set(joined);
  const remarked = new Map(remarks);
  const perRecord = format === "preference" ? 2 : 1;
  const rows = unpackRows(words, perRecord * (records.length - refused.length))!;
  let next = 0;
  const take = (): MadeRow => {
    const name = names[next];
    const own = remarked.get(next);
    const row = {
      ...{ ...rows[next]!, ...(name === undefined ? {} : { name }) },
      ...(own === undefined ? {} : { remarks: own }),
    };
    return isJoined.has(next++) ? { ...row, isJoined: true } : row;
  };
  return records.map((_, index) => {
    const facts = why.get(index);
    if (facts !== undefined) return { refused: new InputError(facts) };
    return { rows: Array.from({ length: perRecord }, take), ignored: next === perRecord ? ignored : [] };
  });
}

/** Parts with a place in memory for each, in which its thread says which record it has come to. */
async function* sentParts(first: RowPart, rest: AsyncIterator<RowPart>): AsyncGenerator<SentPart> {
  for (let part = first; ; ) {
    yield { ...part, turn: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)) };
    const next = await rest.next();
    if (next.done === true) return;
    part = next.value;
  }
}

/**
 * What each record of a located file or folder becomes, made on threads of their own, within limits, as long as somebody
 * takes it. Rows of token ids are made here.
 * @throws InputError for the file, and for a tokenizer or template that takes too much
 */
export async function* seeRows(
  source: FileSource,
  file: string,
  { at, vocabularySize, mostTokens, tokenizerFolder, onRead = () => {} }: SeeRowsOptions,
  workers: WorkerOptions = {},
): AsyncGenerator<SeenRecord> {
  const parts = readRowParts(source, file, at);
  for await (const first of parts) {
    const { records, format, ofBytes, bytesRead } = first;
    const shared = { vocabularySize, mostTokens, source: { ...source, format: format ?? "tokens" } };
    if (format === undefined || format === "tokens") {
      yield* seenOfPart(first, format === undefined ? [] : makeRows({ ...shared, records }, undefined, at));
      onRead(bytesRead, ofBytes);
      continue;
    }
    const folder = tokenizerFolder(format);
    const count = workers.workers ?? (isWorthWorkers(source, ofBytes) ? availableParallelism() : 1);
    const asked = { file: builtWorker(), ...workers, workers: count };
    const task = { ...shared, tokenizerFolder: folder };
    const limits = tokenizerLimits(folder, ({ records, turn }: Pick<SentPart, "records" | "characters" | "turn">) => ({
      ...records[Atomics.load(turn, 0)]!.place,
      work: "record",
    }));
    await using threads = new WorkerThreads("rows", task, count, asked, limits);
    for await (const { part, result } of threads.each(sentParts(first, parts))) {
      if (!("words" in result)) throw new InputError(result);
      yield* seenOfPart(part, unpack(result, part));
      onRead(part.bytesRead, part.ofBytes);
    }
    return;
  }
}
