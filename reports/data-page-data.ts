/** What becomes of a row: "cut" is trained, too. */
export type PageFate = "trained" | "cut" | "dropped" | "unscored" | "refused";

/** Tokens side by side; the lists are as long as `marks`, which has a letter for each token. */
export interface PageTokens {
  /** Of the row, from 0. */
  readonly first: number;
  readonly texts: readonly string[];
  /** Several ids where several tokens make one character. */
  readonly ids: readonly (number | readonly number[])[];
  /** `t` trained, `m` masked; a capital letter for a special token. */
  readonly marks: string;
}

/** A sequence of tokens that a record makes. */
export interface PageSequence {
  /** Which one it is, where a record makes several: "chosen". */
  readonly name: string | null;
  readonly fate: Exclude<PageFate, "refused">;
  /** In one line: its tokens, and how many are trained. */
  readonly summary: string;
  readonly numTokens: number;
  /** Its tokens, or the first and the last ones of many, with what stands for those between. */
  readonly parts: readonly PageTokens[];
  readonly gap: string | null;
}

/** A record: refused, or what it makes. */
export interface PageRow {
  readonly at: string;
  readonly refused: string | null;
  readonly sequences: readonly PageSequence[];
}

/** Rows of one file. */
export interface PageSource {
  readonly name: string;
  /** Jobs that take them; none where nobody has asked for a workload. */
  readonly jobs: readonly string[];
  readonly cutoffLength: number | null;
  /** In the file, by what becomes of them. */
  readonly counts: Readonly<Record<PageFate, number>>;
  /** `counts[i]` rows have at least `i * width` tokens, and fewer than `(i + 1) * width`. */
  readonly lengths: { readonly width: number; readonly counts: readonly number[]; readonly numLonger: number };
  readonly tokens: {
    readonly all: number;
    readonly scored: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  };
  readonly numRepeated: number;
  readonly numTokensCut: number;
  /** Some of them, in the order of the file. */
  readonly rows: readonly PageRow[];
}

/** What the page of data is made of. Texts are as people are to see them. */
export interface DataPageData {
  readonly title: string;
  /** What it was taken for. */
  readonly taken: string;
  readonly date: string;
  readonly version: string;
  /** Jobs of a workload. */
  readonly table: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] } | null;
  readonly problems: readonly { readonly severity: "error" | "warning" | "remark"; readonly text: string }[];
  readonly sources: readonly PageSource[];
  readonly numSources: number;
}
