import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../../core/index.ts";
import {
  aboutRows,
  collectRows,
  cutToLength,
  type Dataset,
  type FileSource,
  loadTokenizer,
  locateData,
  type Place,
  type Row,
  type SeenRecord,
  type TextTokenizer,
  trainableRow,
  type WholeRows,
  withTemplateText,
} from "../../datasets/index.ts";
import { fileDigest, type TellBytes } from "../../files/index.ts";
import type { FileData } from "../../plan/index.ts";
import { cachedRows, keepRows } from "./row-cache.ts";
import { type SeeRowsOptions, seeRows } from "./rows-in-workers.ts";

/** What a workload's or a plan's jobs share when their data are read. */
export interface RowContext {
  /** Relative paths start here. */
  readonly folder: string;
  readonly vocabularySize: number;
  /** The longest row of the model: no more of a longer one is read than shows that it is. */
  readonly mostTokens: number;
  /** The folder with the tokenizer's files. Called only for formats that need one. @throws InputError where there is none */
  readonly tokenizerFolder: () => string;
  /** Whether rows are kept for later commands. */
  readonly cache: boolean;
  /** Told how many bytes of how many have become rows, of one file after another. */
  readonly onRead?: TellBytes | undefined;
}

/** Rows at a cutoff, and before it. */
export interface ReadRows extends Dataset {
  readonly whole: WholeRows;
}

export interface RefusedRecord {
  /** Of the record, from 0. */
  readonly number: number;
  readonly place: Place;
  readonly error: InputError;
}

/** What each record of a source has become. */
export interface EachRecord
  extends Pick<WholeRows, "rows" | "numJoined" | "ignored" | "inferred" | "shuffle" | "tooLong" | "file"> {
  /** Unknown where the first records are refused. */
  readonly format: WholeRows["format"] | undefined;
  /** Where each row stands, and the number of its record. */
  readonly places: readonly Place[];
  readonly numbers: readonly number[];
  readonly refused: readonly RefusedRecord[];
  readonly numRecords: number;
}

/** Data of which rows are kept have no more bytes: of more, the hash alone takes as long as a look at the first row. */
const MOST_KEPT = 2 ** 31;

const NO_FILE = { bytes: 0, sha256: "" };

/** Files that a tokenizer is made of. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

function bytesHash(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) {
    const { bytes, sha256 } = existsSync(file) ? fileDigest(file) : NO_FILE;
    hash.update(`${bytes} ${sha256} `);
  }
  return hash.digest("hex");
}

/** Why the rows of a record are not trained on as they are. */
function untrainable({ rows, record }: Exclude<SeenRecord, { refused: InputError }>): InputError | undefined {
  try {
    trainableRow(rows, record);
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
}

/** Reads the rows of jobs: the same data once for all of them, and from the user's cache where they were read before. */
export class RowReader {
  readonly #context: RowContext;
  readonly #whole = new Map<string, Promise<WholeRows>>();
  readonly #cut = new Map<string, Promise<ReadRows>>();
  readonly #each = new Map<string, Promise<EachRecord>>();
  #isTokenized = false;
  #tokenizer: TextTokenizer | undefined;
  #tokenizerHash: string | undefined;

  constructor(context: RowContext) {
    this.#context = context;
  }

  /**
   * The rows of job `index`, cut and masked. Jobs with the same data and cutoff share them. `where`: the key of the job
   * that says which data they are. @throws InputError
   */
  read(data: FileData, cutoffLength: number, index: number, where = "data"): Promise<ReadRows> {
    const at = `jobs[${index}].${where}`;
    const { shuffle, ...source } = data;
    const key = canonicalJson(source);
    const cutKey = `${cutoffLength} ${shuffle} ${key}`;
    const known = this.#cut.get(cutKey);
    if (known !== undefined) return known;
    const whole = this.#whole.get(key) ?? this.#readWhole(data, at);
    this.#whole.set(key, whole);
    const cut = whole.then((rows) => ({
      ...cutToLength({ ...rows, ...aboutRows(data, rows.format) }, cutoffLength, at),
      whole: rows,
    }));
    this.#cut.set(cutKey, cut);
    return cut;
  }

  /**
   * The same records, each by itself. Where none is refused, `read` goes on from them.
   * @throws InputError for a file that cannot be read
   */
  each(data: FileData, index: number, where = "data"): Promise<EachRecord> {
    const { shuffle: _, ...source } = data;
    const key = canonicalJson(source);
    const known = this.#each.get(key) ?? this.#readEach(data, `jobs[${index}].${where}`);
    this.#each.set(key, known);
    return known.then((each) => {
      const { format, refused } = each;
      if (refused.length === 0 && format !== undefined && each.rows.length > 0 && !this.#whole.has(key))
        this.#whole.set(key, Promise.resolve({ ...each, format }));
      return each;
    });
  }

  async #readEach(given: FileData, at: string): Promise<EachRecord> {
    const { folder, vocabularySize } = this.#context;
    const data = withTemplateText(given, folder, at);
    const file = await locateData(data, { baseFolder: folder, at });
    const rows: Row[] = [];
    const [places, numbers]: [Place[], number[]] = [[], []];
    const refused: RefusedRecord[] = [];
    const ignored = new Set<string>();
    let [numJoined, numRecords] = [0, 0];
    let first: SeenRecord | undefined;
    for await (const seen of this.#see(data, file, { at, vocabularySize })) {
      first ??= seen;
      numRecords += 1;
      const error = "refused" in seen ? seen.refused : untrainable(seen);
      if (error !== undefined) refused.push({ number: numRecords - 1, place: seen.record.place, error });
      if (error !== undefined || "refused" in seen) continue;
      const { inputIds, labels, isJoined } = seen.rows[0]!;
      rows.push({ inputIds, labels });
      places.push(seen.record.place);
      numbers.push(numRecords - 1);
      numJoined += Number(isJoined === true);
      for (const name of seen.ignored) ignored.add(name);
    }
    const { format, inferred } = first ?? {};
    const about = { ...(inferred === undefined ? {} : { inferred }), ...aboutRows(data, format ?? "text"), file };
    return { rows, places, numbers, refused, numJoined, ignored: [...ignored], numRecords, format, ...about };
  }

  async #readWhole(given: FileData, at: string): Promise<WholeRows> {
    const { folder, vocabularySize, mostTokens, cache } = this.#context;
    const data = withTemplateText(given, folder, at);
    const file = await locateData(data, { baseFolder: folder, at });
    const found = statSync(file, { throwIfNoEntry: false });
    const isKept = cache && found?.isFile() === true && found.size <= MOST_KEPT;
    const key = isKept ? this.#keyOf(data, file) : undefined;
    const kept = key === undefined ? undefined : cachedRows(key);
    if (kept !== undefined) return { ...kept, file, ...aboutRows(data, kept.format) };
    const rows = await collectRows(this.#see(data, file, { at, vocabularySize, mostTokens }), data, file, at);
    if (key !== undefined) keepRows(key, rows);
    return rows;
  }

  #see(data: FileSource, file: string, options: Pick<SeeRowsOptions, "at" | "vocabularySize" | "mostTokens">) {
    const { tokenizerFolder, onRead } = this.#context;
    return seeRows(data, file, {
      ...{ ...options, onRead },
      tokenizerFolder: () => {
        this.#isTokenized = true;
        return tokenizerFolder();
      },
    });
  }

  /** The model's, where rows were made with it. */
  get tokenizer(): TextTokenizer | undefined {
    if (this.#isTokenized) this.#tokenizer ??= loadTokenizer(this.#context.tokenizerFolder());
    return this.#tokenizer;
  }

  /** All that rows follow from: the data's bytes, the tokenizer's, and what is done with a record. */
  #keyOf({ path: file, shuffle: _shuffle, ...how }: FileSource, located: string): string {
    const { vocabularySize, mostTokens } = this.#context;
    const tokenizer = how.format === "tokens" ? null : this.#hashTokenizer();
    const facts = {
      how,
      ending: path.basename(file).split(".").slice(-2).join("."),
      data: bytesHash([located]),
      tokenizer,
      vocabularySize,
      mostTokens,
    };
    return createHash("sha256").update(canonicalJson(facts)).digest("hex");
  }

  /** Null where there is no tokenizer, as rows need none whose first record has tokens. */
  #hashTokenizer(): string | null {
    try {
      const folder = this.#context.tokenizerFolder();
      this.#tokenizerHash ??= bytesHash(TOKENIZER_FILES.map((name) => path.join(folder, name)));
      return this.#tokenizerHash;
    } catch (error) {
      if (error instanceof InputError) return null;
      throw error;
    }
  }
}
