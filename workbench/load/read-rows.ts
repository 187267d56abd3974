import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { canonicalJson } from "../../core/index.ts";
import { collectRows, cutToLength, type Dataset, locateData, type WholeRows } from "../../datasets/index.ts";
import { fileDigest } from "../../files/index.ts";
import type { FileData } from "../../plan/index.ts";
import { cachedRows, keepRows } from "./row-cache.ts";
import { seeRows } from "./rows-in-workers.ts";

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
  readonly onRead?: ((bytes: number, ofBytes: number) => void) | undefined;
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

/** Reads the rows of jobs: the same data once for all of them, and from the user's cache where they were read before. */
export class RowReader {
  readonly #context: RowContext;
  readonly #whole = new Map<string, Promise<WholeRows>>();
  readonly #cut = new Map<string, Promise<Dataset>>();
  #tokenizerHash: string | undefined;

  constructor(context: RowContext) {
    this.#context = context;
  }

  /**
   * The rows of job `index`, cut and masked. Jobs with the same data and cutoff share them. `where`: the key of the job
   * that says which data they are. @throws InputError
   */
  read(data: FileData, cutoffLength: number, index: number, where = "data"): Promise<Dataset> {
    const at = `jobs[${index}].${where}`;
    const { shuffle, ...source } = data;
    const key = canonicalJson(source);
    const cutKey = `${cutoffLength} ${shuffle} ${key}`;
    const known = this.#cut.get(cutKey);
    if (known !== undefined) return known;
    const whole = this.#whole.get(key) ?? this.#readWhole(data, at);
    this.#whole.set(key, whole);
    const cut = whole.then((rows) =>
      cutToLength({ ...rows, shuffle: shuffle ?? rows.format !== "tokens" }, cutoffLength, at),
    );
    this.#cut.set(cutKey, cut);
    return cut;
  }

  async #readWhole(data: FileData, at: string): Promise<WholeRows> {
    const { folder, vocabularySize, mostTokens, cache, tokenizerFolder, onRead } = this.#context;
    const file = await locateData(data, { baseFolder: folder, at });
    const found = statSync(file, { throwIfNoEntry: false });
    const isKept = cache && found?.isFile() === true && found.size <= MOST_KEPT;
    const key = isKept ? this.#keyOf(data, file) : undefined;
    const kept = key === undefined ? undefined : cachedRows(key);
    if (kept !== undefined) return { ...kept, file, shuffle: data.shuffle ?? kept.format !== "tokens" };
    const options = { at, vocabularySize, mostTokens, tokenizerFolder, onRead };
    const rows = await collectRows(seeRows(data, file, options), data, file, at);
    if (key !== undefined) keepRows(key, rows);
    return rows;
  }

  /** All that rows follow from: the data's bytes, the tokenizer's, and what is done with a record. */
  #keyOf({ path: file, shuffle: _shuffle, ...how }: FileData, located: string): string {
    const { vocabularySize, mostTokens, tokenizerFolder } = this.#context;
    if (how.format !== "tokens" && this.#tokenizerHash === undefined)
      this.#tokenizerHash = bytesHash(TOKENIZER_FILES.map((name) => path.join(tokenizerFolder(), name)));
    const tokenizer = how.format === "tokens" ? null : this.#tokenizerHash;
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
}
