import { type InspectedData, LEFT_OUT, type SeenRow } from "../workbench/index.ts";
import { percent, table, wholeText } from "./output.ts";

/** Some names, and how many more there are. */
function firstOf(names: readonly string[]): string {
  const most = 8;
  return `${names.slice(0, most).join(", ")}${names.length > most ? ` and ${names.length - most} more` : ""}`;
}

/** The first refused rows, of further ones without hints. */
function refusedLines([first, ...others]: readonly string[], count: number): readonly string[] {
  const more = count - 1 - others.length;
  return [
    `refused: ${first}`,
    ...others.map((one) => one.split("\n", 1)[0]!),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

/** What a person would want to know of data before they are trained on. */
export function dataText({ file, format, inferred, ignored, remarks, facts, firstRefused }: InspectedData): string {
  const { tokens } = facts;
  const line = (what: string, count: number): readonly string[][] => (count === 0 ? [] : [[what, wholeText(count)]]);
  // A pair makes two.
  const hasSeveral = facts.numRows !== facts.numRecords;
  return [
    `${file}: rows, read as ${format}${inferred === undefined ? "" : `, since ${inferred}`}`,
    ...(ignored.length === 0 ? [] : [`not read: ${ignored.length === 1 ? "column" : "columns"} ${firstOf(ignored)}`]),
    ...(format === "preference" || format === "unpaired"
      ? [`A job trains on them with a loss of kind ${format === "unpaired" ? "kto" : "dpo, cpo, simpo or orpo"}.`]
      : []),
    "",
    table(
      ["rows", "number"],
      [
        ["in the file", wholeText(facts.numRecords)],
        ...line("sequences of tokens that they make", hasSeveral ? facts.numRows - facts.numRefused : 0),
        ["trained", wholeText(facts.numKept)],
        ...line("refused", facts.numRefused),
        ...line("left out, nothing of them is trained", facts.numUnscored),
        ...line(`dropped, ${LEFT_OUT.dropped}`, facts.numDropped),
        ...line("cut", facts.numCut),
        ...line("the same as an earlier row", facts.numRepeated),
        ...line("with a token in both prompt and response", facts.numJoined),
      ],
    ),
    "",
    table(
      ["tokens", "number"],
      [
        ["of all rows", wholeText(tokens.all)],
        ["trained", tokens.all === 0 ? "0" : `${wholeText(tokens.scored)} (${percent(tokens.scored / tokens.all)})`],
        ...line("cut off", facts.numTokensCut),
        ["of a row, median", wholeText(tokens.p50)],
        ["of a row, 95 of 100 have at most", wholeText(tokens.p95)],
        ["of a row, at most", wholeText(tokens.max)],
      ],
    ),
    ...Object.entries(remarks).map(([text, count]) => `\nWarning: in ${wholeText(count)} rows ${text}`),
    ...(firstRefused.length === 0 ? [] : ["", ...refusedLines(firstRefused, facts.numRefused)]),
  ].join("\n");
}

/** A row as a line of JSON. */
export function rowJson(row: SeenRow): string {
  const { at, fate } = row;
  if (fate === "refused") return JSON.stringify({ at, refused: row.refused });
  const { name, inputIds, labels } = row;
  const why = fate === "dropped" || fate === "unscored" ? { left_out: LEFT_OUT[fate] } : {};
  const which = name === undefined ? {} : { name };
  return JSON.stringify({ at, ...which, input_ids: [...inputIds], labels: [...labels], ...why });
}
