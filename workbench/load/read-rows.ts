import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { canonicalJson, InputError } from "../../core/index.ts";
import {
  aboutRows,
  type Compared,
  type Comparing,
  collectRows,
  compareRows,
  countRemarks,
  cutToLength,
  type FileSource,
  inWindows,
  loadTokenizer,
  locateData,
  MOST_REFUSED_TOLD,
  type Place,
  type Row,
  type SeenRecord,
  type SkippedRecords,
  type TextTokenizer,
  trainable,
  trainedRow,
  type WholeRows,
  withTemplateText,
} from "../../datasets/index.ts";
import { fileDigest, type TellBytes } from "../../files/index.ts";
import {
  comparedData,
  type DataSet,
  dataSetsOf,
  type FileData,
  hasDivergence,
  isMixture,
  type Job,
} from "../../plan/index.ts";
import { type EachRecord, joinRows, type ReadRows, type RefusedRecord } from "./joined-sets.ts";
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

/** Where a set stands in its job. */
export function setPlace(data: Job["data"], set: number): string {
  return isMixture(data) ? `data.datasets[${set}]` : "data";
}

/** How the loss of a job compares its rows; undefined where it does not. */
export function comparingOf({ loss, batchSize }: Pick<Job, "loss" | "batchSize">): Comparing | undefined {
  const compared = comparedData(loss);
  if (loss === undefined || compared === undefined) return undefined;
  const cut = loss.kind === "dpo" ? loss.cut : "end";
  return { compared, cut, ...(hasDivergence(loss) ? { mismatchedIn: batchSize } : {}) };
}

/** What is told of records that were refused, and left out. */
export function skippedOf({ refused }: Pick<EachRecord, "refused">): { readonly skipped?: SkippedRecords } {
  const first = refused.slice(0, MOST_REFUSED_TOLD).map(({ error }) => error.facts);
  return refused.length === 0 ? {} : { skipped: { count: refused.length, first } };
}

/** What rows before their cutoff follow from. */
function wholeKey(source: Omit<FileData, "shuffle">, comparing: Comparing | undefined): string {
  const how = comparing === undefined ? "" : `${comparing.compared} ${comparing.cut} `;
  return `${how}${canonicalJson(source)}`;
}

/** Kept rows as those of a file: its content is the same, its name may be another. */
function ofFile({ skipped }: Pick<WholeRows, "skipped">, file: string): Pick<WholeRows, "skipped" | "file"> {
  if (skipped === undefined) return { file };
  return { file, skipped: { ...skipped, first: skipped.first.map((facts) => ({ ...facts, file })) } };
}

/** Reads the rows of jobs: the same data once for all of them, and from the user's cache where they were read before. */
export class RowReader {
  readonly #context: RowContext;
  readonly #whole = new Map<string, Promise<WholeRows>>();
  readonly #cut = new Map<string, Promise<ReadRows>>();
  readonly #joined = new Map<string, Promise<ReadRows>>();
  readonly #each = new Map<string, Promise<EachRecord>>();
  #isTokenized = false;
  #tokenizer: TextTokenizer | undefined;
  #tokenizerHash: string | undefined;

  constructor(context: RowContext) {
    this.#context = context;
  }

  /**
   * The rows of job `index`, cut and masked. Jobs with the same data and cutoff share them. `where`: the key of the job
   * that says which data they are; `comparing`: how the job's loss compares rows. @throws InputError
   */
  read(data: FileData, cutoffLength: number, index: number, where = "data", comparing?: Comparing): Promise<ReadRows> {
    const at = `jobs[${index}].${where}`;
    const { shuffle, ...source } = data;
    const key = wholeKey(source, comparing);
    const cutKey = `${cutoffLength} ${shuffle} ${canonicalJson(comparing ?? null)} ${key}`;
    const known = this.#cut.get(cutKey);
    if (known !== undefined) return known;
    const whole = this.#whole.get(key) ?? this.#readWhole(data, at, comparing);
    this.#whole.set(key, whole);
    const cut = whole.then((rows) => {
      const all = inWindows({ ...rows, ...aboutRows(data, rows.format) }, data, cutoffLength, at);
      return {
        ...(comparing === undefined
          ? cutToLength(all, cutoffLength, at)
          : compareRows(all, comparing, cutoffLength, at)),
        whole: all,
      };
    });
    this.#cut.set(cutKey, cut);
    return cut;
  }

  /**
   * All sets of a job's data, one behind another. Jobs with the same data share them. @throws InputError
   */
  readJob(job: Pick<Job, "data" | "cutoffLength" | "loss" | "batchSize">, index: number): Promise<ReadRows> {
    const sets = dataSetsOf(job.data);
    const comparing = comparingOf(job);
    const of = ({ weight: _, ...data }: DataSet, set: number): Promise<ReadRows> =>
      this.read(data, job.cutoffLength, index, setPlace(job.data, set), comparing);
    if (!isMixture(job.data)) return of(sets[0]!, 0);
    const { shuffle = true, datasets } = job.data;
    const key = canonicalJson([job.cutoffLength, comparing ?? null, shuffle, datasets]);
    const known =
      this.#joined.get(key) ?? Promise.all(datasets.map(of)).then((read) => ({ ...joinRows(read), shuffle }));
    this.#joined.set(key, known);
    return known;
  }

  /**
   * The same records, each by itself. Where none is refused, `read` goes on from them.
   * @throws InputError for a file that cannot be read
   */
  each(data: FileData, index: number, where = "data", comparing?: Comparing): Promise<EachRecord> {
    const { shuffle: _, ...source } = data;
    const key = wholeKey(source, comparing);
    const known = this.#each.get(key) ?? this.#readEach(data, `jobs[${index}].${where}`, comparing?.compared);
    this.#each.set(key, known);
    return known.then((each) => {
      const { format, refused } = each;
      const isWhole = refused.length === 0 || data.onBadRow === "skip";
      if (isWhole && format !== undefined && each.rows.length > 0 && !this.#whole.has(key))
        this.#whole.set(key, Promise.resolve({ ...each, format, ...skippedOf(each) }));
      return each;
    });
  }

  async #readEach(given: FileData, at: string, compared: Compared | undefined): Promise<EachRecord> {
    const { folder, vocabularySize } = this.#context;
    const data = withTemplateText(given, folder, at);
    const file = await locateData(data, { baseFolder: folder, at });
    const rows: Row[] = [];
    const [places, numbers]: [Place[], number[]] = [[], []];
    const refused: RefusedRecord[] = [];
    const ignored = new Set<string>();
    const remarks = new Map<string, number>();
    let [numJoined, numRecords] = [0, 0];
    let first: SeenRecord | undefined;
    for await (const seen of this.#see(data, file, { at, vocabularySize })) {
      first ??= seen;
      numRecords += 1;
      const own = trainable(seen, compared);
      if ("refused" in own) {
        refused.push({ number: numRecords - 1, place: seen.record.place, error: own.refused });
        continue;
      }
      for (const row of own.rows) {
        rows.push(trainedRow(row));
        places.push(seen.record.place);
        numbers.push(numRecords - 1);
        numJoined += Number(row.isJoined === true);
        countRemarks(remarks, row);
      }
      for (const name of own.ignored) ignored.add(name);
    }
    const { format, inferred } = first ?? {};
    const about = { ...(inferred === undefined ? {} : { inferred }), ...aboutRows(data, format ?? "text"), file };
    const told = { ignored: [...ignored], remarks: Object.fromEntries(remarks) };
    return { rows, places, numbers, refused, numJoined, ...told, numRecords, format, ...about };
  }

  async #readWhole(given: FileData, at: string, comparing: Comparing | undefined): Promise<WholeRows> {
    const { folder, vocabularySize, cache } = this.#context;
    // What is cut at its start is made to its end.
    const mostTokens = comparing?.cut === "start" ? Number.POSITIVE_INFINITY : this.#context.mostTokens;
    const data = withTemplateText(given, folder, at);
    const file = await locateData(data, { baseFolder: folder, at });
    const found = statSync(file, { throwIfNoEntry: false });
    // Labels of answers are in no cache.
    const isKept = cache && found?.isFile() === true && found.size <= MOST_KEPT && comparing?.compared !== "unpaired";
    const key = isKept ? this.#keyOf(data, file, comparing) : undefined;
    const kept = key === undefined ? undefined : cachedRows(key);
    if (kept !== undefined) return { ...kept, ...ofFile(kept, file), ...aboutRows(data, kept.format) };
    const rows = await collectRows(
      this.#see(data, file, { at, vocabularySize, mostTokens }),
      data,
      file,
      at,
      comparing?.compared,
    );
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

  /** What prompts that are answered are made with. */
  get context(): Pick<RowContext, "tokenizerFolder" | "mostTokens"> {
    return this.#context;
  }

  /** The model's, where rows were made with it. */
  get tokenizer(): TextTokenizer | undefined {
    if (this.#isTokenized) this.#tokenizer ??= loadTokenizer(this.#context.tokenizerFolder());
    return this.#tokenizer;
  }

  /** All that rows follow from: the data's bytes, the tokenizer's, and what is done with a record. */
  #keyOf(
    { path: file, shuffle: _shuffle, ...how }: FileSource,
    located: string,
    comparing: Comparing | undefined,
  ): string {
    const { vocabularySize, mostTokens } = this.#context;
    const tokenizer = how.format === "tokens" ? null : this.#hashTokenizer();
    const facts = {
      how,
      ending: path.basename(file).split(".").slice(-2).join("."),
      data: bytesHash([located]),
      tokenizer,
      vocabularySize,
      mostTokens,
      ...(comparing === undefined ? {} : { comparing: { compared: comparing.compared, cut: comparing.cut } }),
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
