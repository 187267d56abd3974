/** As Hugging Face names them. */
export interface TokenRow {
  readonly input_ids: readonly number[];
  readonly labels: readonly number[];
  /** Which answer of a preference it is. */
  readonly name?: string;
}

/** What was made of a row: token rows, of which there are none where it is left out; or why there is nothing. */
export type ReadRow = { readonly rows: readonly TokenRow[] } | { readonly refused: string };

/** One row, as a library and as loratwin read it. */
export interface RowPair {
  readonly library: string;
  readonly file: string;
  readonly row: unknown;
  readonly theirs: ReadRow;
  readonly ours: ReadRow;
}

/** The label of the first token is of no prediction. */
function said({ input_ids, labels, name }: TokenRow) {
  return { input_ids, labels: labels.map((label, at) => (at === 0 ? -100 : label)), name: name ?? null };
}

/** Whether both made the same tokens of a row, and train the same of them. Refused is what neither reads. */
export function isSame({ theirs, ours }: Pick<RowPair, "theirs" | "ours">): boolean {
  if ("refused" in theirs || "refused" in ours) return "refused" in theirs && "refused" in ours;
  return JSON.stringify(theirs.rows.map(said)) === JSON.stringify(ours.rows.map(said));
}

function madeLines(who: string, made: ReadRow): readonly string[] {
  if ("refused" in made) return [`  ${who}: refused: ${made.refused}`];
  if (made.rows.length === 0) return [`  ${who}: left out`];
  return made.rows.map(said).flatMap(({ input_ids, labels, name }) => {
    const cells = input_ids.map((id, at) => [String(id), labels[at] === -100 ? "-" : String(labels[at])] as const);
    const line = (at: 0 | 1): string =>
      cells.map((cell) => cell[at].padStart(Math.max(cell[0].length, cell[1].length))).join(" ");
    return [`  ${who}${name === null ? "" : `, ${name}`}:`, `    ids    ${line(0)}`, `    labels ${line(1)}`];
  });
}

/** A row that is read otherwise, with what both make of it. */
export function differenceLines({ library, file, row, theirs, ours }: RowPair): readonly string[] {
  return [
    `${library} and loratwin differ in a row of "${file}":`,
    `  ${JSON.stringify(row)}`,
    ...madeLines(library, theirs),
    ...madeLines("loratwin", ours),
  ];
}

/** How many rows are the same, for each library. */
export function rowTotals(pairs: readonly RowPair[]): readonly string[] {
  return [...new Set(pairs.map(({ library }) => library))].map((library) => {
    const own = pairs.filter((pair) => pair.library === library);
    return `rows of ${library}: ${own.filter(isSame).length} of ${own.length} the same`;
  });
}
