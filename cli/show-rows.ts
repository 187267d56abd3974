import wrapAnsi from "wrap-ansi";
import { visibleText } from "../core/index.ts";
import { type TextTokenizer, type TokenPiece, TokenTexts } from "../datasets/index.ts";
import type { SeenRow, TokenRow } from "../workbench/index.ts";
import { gapText, rowSummary, shownParts, tokenText } from "./data-tokens.ts";
import type { Io } from "./io.ts";
import { WIDTH } from "./output.ts";

/** Around what is trained, where there are no colours. */
const [OPEN, CLOSE] = ["\u27e6", "\u27e7"];

/** Colours: green for what is trained, faint for what is not. */
const [TRAINED, MASKED] = [
  ["\u001b[32m", "\u001b[39m"],
  ["\u001b[2m", "\u001b[22m"],
] as const;

/** Tokens of a row that are shown: its first ones and its last ones. */
const [FIRST, LAST] = [800, 200];

/** Runs of tokens that are all trained, or all not. */
function runs(pieces: readonly TokenPiece[]): readonly { readonly text: string; readonly isScored: boolean }[] {
  const made: { texts: string[]; isScored: boolean }[] = [];
  for (const piece of pieces) {
    if (made.at(-1)?.isScored !== piece.isScored) made.push({ texts: [], isScored: piece.isScored });
    made.at(-1)!.texts.push(tokenText(piece).replaceAll("\t", "\u21e5"));
  }
  const between = pieces.some(({ text }) => text === undefined) ? " " : "";
  return made.map(({ texts, isScored }) => ({ text: texts.join(between), isScored }));
}

/** A mark that the data hold is none of ours. */
function withoutMarks(text: string): string {
  return text.replaceAll(OPEN!, "\\u27e6").replaceAll(CLOSE!, "\\u27e7");
}

function painted(text: string, isScored: boolean): string {
  const [begin, end] = isScored ? TRAINED : MASKED;
  return `${begin}${text}${end}`;
}

function marked(pieces: readonly TokenPiece[], hasColours: boolean): string {
  const isOfIds = pieces.some(({ text }) => text === undefined);
  return runs(pieces)
    .map(({ text, isScored }) => {
      if (hasColours) return painted(text, isScored);
      return isScored ? `${OPEN}${withoutMarks(text)}${CLOSE}` : withoutMarks(text);
    })
    .join(isOfIds ? " " : "");
}

/** Folded lines, indented so that nothing in a row looks like a line of ours. */
function folded(text: string, columns: number): readonly string[] {
  return wrapAnsi(text, Math.max(10, columns - 2), { hard: true, trim: false })
    .split("\n")
    .map((line) => `  ${line}`);
}

function headOf(row: TokenRow): string {
  return visibleText(`${row.at}${row.name === undefined ? "" : `, ${row.name}`}: ${rowSummary(row)}`);
}

function rowLines(row: SeenRow, texts: TokenTexts, columns: number, hasColours: boolean): readonly string[] {
  if (row.fate === "refused") return ["", `${row.at}: refused`, ...folded(visibleText(row.refused), columns)];
  const { inputIds, labels } = row;
  const [before, behind] = shownParts(inputIds.length, FIRST, LAST);
  const lines = ([start, end]: readonly [number, number]): readonly string[] =>
    folded(marked(texts.pieces(inputIds, labels, start, end), hasColours), columns);
  return [
    "",
    headOf(row),
    ...lines(before!),
    ...(behind === undefined ? [] : [`... ${gapText(row, before![1], behind[0])} ...`, ...lines(behind)]),
  ];
}

/** The rows of the first records: of a pair both. */
export function firstRecords(most: number): {
  readonly rows: readonly SeenRow[];
  readonly add: (row: SeenRow) => void;
} {
  const rows: SeenRow[] = [];
  let records = 0;
  return {
    rows,
    add(row) {
      const isFurther = row.fate !== "refused" && row.name === "rejected" && rows.at(-1)?.at === row.at;
      if (!isFurther && records >= most) return;
      records += Number(!isFurther);
      rows.push(row);
    },
  };
}

/** Prints rows as text, with what is trained of them in colour or between marks. */
export function showRows(io: Io, rows: readonly SeenRow[], tokenizer: TextTokenizer | undefined): void {
  if (rows.length === 0) return;
  const hasColours = io.painted !== undefined;
  const texts = new TokenTexts(tokenizer);
  const legend = hasColours
    ? `${painted("trained", true)}, ${painted("not trained", false)}:`
    : `${OPEN}trained${CLOSE}, all else is not:`;
  const lines = rows.flatMap((row) => rowLines(row, texts, io.columns ?? WIDTH, hasColours));
  (io.painted ?? io.stdout)(`${["", legend, ...lines].join("\n")}\n`);
}
