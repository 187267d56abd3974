import { visibleText } from "../core/index.ts";
import { type TextTokenizer, TokenTexts } from "../datasets/index.ts";
import { VERSION, writeOutput } from "../files/index.ts";
import {
  type DataPageData,
  type PageFate,
  type PageRow,
  type PageSequence,
  type PageSource,
  type PageTokens,
  renderData,
} from "../reports/index.ts";
import {
  type InspectedData,
  type InspectedWorkload,
  problemsOf,
  type RowFacts,
  type SeenRow,
  type TokenRow,
  today,
} from "../workbench/index.ts";
import { gapText, rowSummary, shownParts, tokenText } from "./data-tokens.ts";
import { jobTableCells } from "./describe-workload-data.ts";
import type { Io } from "./io.ts";
import { pageAssets } from "./write-report.ts";

/** Rows of each fate on a page, where nobody says how many. */
const MOST_ROWS = 50;

/** Characters of the data in a page, about: of all rows, divided among the files and what becomes of rows. */
const MOST_CHARACTERS = 5e6;
const MOST_SOURCES = 50;
const MOST_JOBS = 100;

/** Tokens of a row that are shown, its first and its last ones: of the first size that there is room for. */
const SIZES = [
  [1500, 300],
  [200, 50],
  [20, 10],
] as const;

const MOST_OF_REFUSAL = 4000;

function pageTokens(texts: TokenTexts, { inputIds, labels }: TokenRow, start: number, end: number): PageTokens {
  const pieces = texts.pieces(inputIds, labels, start, end);
  return {
    first: start,
    texts: pieces.map(tokenText),
    ids: pieces.map(({ ids }) => (ids.length === 1 ? ids[0]! : ids)),
    marks: pieces
      .map(({ isScored, isSpecial }) => {
        const mark = isScored ? "t" : "m";
        return isSpecial ? mark.toUpperCase() : mark;
      })
      .join(""),
  };
}

function pageSequence(texts: TokenTexts, row: TokenRow, [first, last]: readonly [number, number]): PageSequence {
  const { inputIds, name, fate } = row;
  const spans = shownParts(inputIds.length, first, last);
  const [before, behind] = spans;
  return {
    ...{ name: name ?? null, fate, summary: rowSummary(row), numTokens: inputIds.length },
    parts: spans.map(([start, end]) => pageTokens(texts, row, start, end)),
    gap: behind === undefined ? null : gapText(row, before![1], behind[0]),
  };
}

/** The rows of a page, of which it keeps as many as there is room for. */
export class PageRows {
  readonly #texts: TokenTexts;
  readonly #most: number;
  readonly #room: number;
  readonly #rows: PageRow[] = [];
  readonly #taken: Record<PageFate, { rows: number; characters: number }>;

  constructor(tokenizer: TextTokenizer | undefined, most = MOST_ROWS, numSources = 1) {
    this.#texts = new TokenTexts(tokenizer);
    this.#most = most;
    const none = () => ({ rows: 0, characters: 0 });
    this.#taken = { trained: none(), cut: none(), dropped: none(), unscored: none(), refused: none() };
    this.#room = MOST_CHARACTERS / Math.min(numSources, MOST_SOURCES) / Object.keys(this.#taken).length;
  }

  get rows(): readonly PageRow[] {
    return this.#rows;
  }

  add(row: SeenRow): void {
    const taken = this.#taken[row.fate];
    // The other sequences of a record come with the first.
    const last = this.#rows.at(-1);
    const isMore = row.fate !== "refused" && row.name !== undefined && last?.at === visibleText(row.at);
    if (!isMore && taken.rows >= this.#most) return;
    const at = visibleText(row.at);
    if (row.fate === "refused") {
      this.#put(row.fate, { at, refused: visibleText(row.refused).slice(0, MOST_OF_REFUSAL), sequences: [] });
      return;
    }
    for (const size of SIZES) {
      const sequence = pageSequence(this.#texts, row, size);
      if (JSON.stringify(sequence).length > this.#room - taken.characters) continue;
      if (isMore) this.#rows.pop();
      const before = isMore ? last!.sequences : [];
      this.#put(row.fate, { at, refused: null, sequences: [...before, sequence] }, sequence);
      return;
    }
  }

  #put(fate: PageFate, row: PageRow, sized: unknown = row): void {
    this.#rows.push(row);
    this.#taken[fate].rows += 1;
    this.#taken[fate].characters += JSON.stringify(sized).length;
  }
}

/** Rows of one file for a page. */
function pageSource(
  facts: RowFacts,
  rows: PageRows,
  about: Pick<PageSource, "name" | "jobs"> & { readonly cutoffLength: number | undefined },
): PageSource {
  const { numKept, numCut, numDropped, numUnscored, numRefused, lengths, tokens, numRepeated, numTokensCut } = facts;
  return {
    ...{
      name: visibleText(about.name),
      jobs: about.jobs.slice(0, MOST_JOBS),
      cutoffLength: about.cutoffLength ?? null,
    },
    counts: {
      ...{ trained: numKept - numCut, cut: numCut, dropped: numDropped, unscored: numUnscored, refused: numRefused },
    },
    ...{ lengths, tokens, numRepeated, numTokensCut, rows: rows.rows },
  };
}

function write(io: Io, file: string, data: Omit<DataPageData, "date" | "version">): void {
  writeOutput(io, file, renderData({ ...data, date: today(), version: VERSION }, pageAssets("data")));
}

/** The page of a file's rows. @throws DeviceError before a build */
export function writeDataPage(io: Io, output: string, data: InspectedData, rows: PageRows): void {
  const { file, format, inferred, facts, cutoffLength } = data;
  write(io, output, {
    title: visibleText(file),
    taken: `rows, read as ${format}${inferred === undefined ? "" : `, since ${inferred}`}`,
    ...{ table: null, problems: [], numSources: 1 },
    sources: [pageSource(facts, rows, { name: "Rows", jobs: [], cutoffLength })],
  });
}

/** The page of a workload's data. @throws DeviceError before a build */
export function writeWorkloadPage(io: Io, output: string, data: InspectedWorkload, most: number | undefined): void {
  const { file, jobs, sources, tokenizer } = data;
  const problems = (["error", "warning", "remark"] as const).flatMap((severity) =>
    problemsOf(data, severity).map((text) => ({ severity, text })),
  );
  write(io, output, {
    ...{ title: visibleText(file), taken: "a workload", table: jobTableCells(jobs), problems },
    numSources: sources.length,
    sources: sources.slice(0, MOST_SOURCES).map((source) => {
      const rows = new PageRows(tokenizer, most, sources.length);
      return pageSource(
        source.read((row) => rows.add(row)),
        rows,
        source,
      );
    }),
  });
}
