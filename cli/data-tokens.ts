import { counted, visibleText } from "../core/index.ts";
import { countScored, type TokenPiece } from "../datasets/index.ts";
import { LEFT_OUT, type TokenRow } from "../workbench/index.ts";
import { wholeText } from "./output.ts";

/** Characters of a token that are shown. */
const MOST_OF_TOKEN = 200;

/** The tokens of a long row that are shown, before and behind a gap. */
export function shownParts(numTokens: number, first: number, last: number): readonly (readonly [number, number])[] {
  return numTokens <= first + last
    ? [[0, numTokens]]
    : [
        [0, first],
        [numTokens - last, numTokens],
      ];
}

/** What stands for tokens that are not shown. */
export function gapText({ inputIds, labels }: TokenRow, start: number, end: number): string {
  // The first of them counts, since others stand before it.
  const [from, to] = [start - 1, end];
  const scored = countScored({ inputIds: inputIds.subarray(from, to), labels: labels.subarray(from, to) });
  return `${wholeText(end - start)} tokens are not shown, ${wholeText(scored)} of them trained`;
}

/** A token's text, with what nobody would see written out. */
export function tokenText({ ids, text }: TokenPiece): string {
  if (text === undefined) return ids.join(" ");
  // A tab is seen, once it is drawn as one.
  const seen = text.split("\t").map(visibleText).join("\t");
  return seen.length > MOST_OF_TOKEN ? `${seen.slice(0, MOST_OF_TOKEN)}...` : seen;
}

/** In one line: a row's tokens, and what becomes of them. */
export function rowSummary({ fate, inputIds, labels, numCut, isRepeated }: TokenRow): string {
  return [
    counted(inputIds.length, "token", wholeText),
    `${wholeText(countScored({ inputIds, labels }))} trained`,
    ...(numCut > 0 ? [`${wholeText(numCut)} cut`] : []),
    ...(isRepeated ? ["the same as an earlier row"] : []),
    ...(fate === "dropped" || fate === "unscored" ? [`left out: ${LEFT_OUT[fate]}`] : []),
  ].join(", ");
}
