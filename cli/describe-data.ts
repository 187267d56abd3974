import { counted } from "../core/index.ts";
import { type InspectedData, rowPieces, type SeenRow } from "../workbench/index.ts";
import { percent, table, wholeText } from "./output.ts";

/** Around what is trained. */
const [OPEN, CLOSE] = ["\u27e6", "\u27e7"];

/** What a person would want to know of data before they are trained on. */
export function dataText(data: InspectedData): string {
  const { numRows, numRefused, firstRefused, numDropped, numUnscored, tokens } = data;
  const trained = numRows - numRefused - numDropped - numUnscored;
  const line = (what: string, count: number): readonly string[][] => (count === 0 ? [] : [[what, wholeText(count)]]);
  return [
    `${data.file}: read as ${data.format}${data.inferred === undefined ? "" : `, since ${data.inferred}`}`,
    "",
    table(
      ["rows", "number"],
      [
        ["in the file", wholeText(numRows)],
        ["trained", wholeText(trained)],
        ...line("refused", numRefused),
        ...line("left out, nothing of them is trained", numUnscored),
        ...line("dropped, the cutoff leaves nothing to train", numDropped),
        ...line("cut", data.numCut),
        ...line("the same as an earlier row", data.numRepeated),
        ...line("with a token in both prompt and response", data.numJoined),
      ],
    ),
    "",
    table(
      ["tokens", "number"],
      [
        ["of all rows", wholeText(tokens.all)],
        ["trained", tokens.all === 0 ? "0" : `${wholeText(tokens.scored)} (${percent(tokens.scored / tokens.all)})`],
        ["of a row, median", wholeText(tokens.p50)],
        ["of a row, 95 of 100 have at most", wholeText(tokens.p95)],
        ["of a row, at most", wholeText(tokens.max)],
      ],
    ),
    ...(firstRefused === undefined ? [] : ["", `refused first: ${firstRefused}`]),
  ].join("\n");
}

function indented(text: string): readonly string[] {
  return text.split("\n").map((line) => `  ${line}`);
}

/** A row as a line of JSON. */
export function rowJson(row: SeenRow): string {
  if ("refused" in row) return JSON.stringify(row);
  const { at, input_ids, labels, ...rest } = row;
  return JSON.stringify({ at, input_ids: [...input_ids], labels: [...labels], ...rest });
}

/** Rows as text, with what is trained between marks. */
export function dataLines({ tokenizer }: InspectedData, rows: readonly SeenRow[]): readonly string[] {
  if (rows.length === 0) return [];
  return [
    "",
    `${OPEN}trained${CLOSE}, all else is not:`,
    ...rows.flatMap((row) => {
      if ("refused" in row) return ["", `${row.at}: refused`, ...indented(row.refused)];
      const pieces = rowPieces(row, tokenizer).map(({ text, isScored }) =>
        isScored ? `${OPEN}${text}${CLOSE}` : text,
      );
      const tokens = tokenizer === undefined ? pieces.join(" ") : pieces.join("");
      return [
        "",
        `${row.at}: ${counted(row.input_ids.length, "token")}${row.left_out === undefined ? "" : `, left out: ${row.left_out}`}`,
        ...indented(tokens),
      ];
    }),
  ];
}
