import type { Row } from "../../datasets/index.ts";

/** Rows as 32-bit words, for files and other threads: the lengths of all, the tokens of all, the labels of all. */
export function packRows(rows: readonly Row[]): Int32Array<ArrayBuffer> {
  const numTokens = rows.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
  const words = new Int32Array(rows.length + 2 * numTokens);
  let at = rows.length;
  rows.forEach(({ inputIds, labels }, row) => {
    words[row] = inputIds.length;
    words.set(inputIds, at);
    words.set(labels, at + numTokens);
    at += inputIds.length;
  });
  return words;
}

/** So many rows of words, which they share; undefined where the words are not those of as many rows. */
export function unpackRows(words: Int32Array, numRows: number): readonly Row[] | undefined {
  const numTokens = (words.length - numRows) / 2;
  const rows: Row[] = [];
  let at = numRows;
  for (let row = 0; row < numRows; row += 1) {
    const next = at + words[row]!;
    rows.push({ inputIds: words.subarray(at, next), labels: words.subarray(at + numTokens, next + numTokens) });
    at = next;
  }
  return at === numRows + numTokens ? rows : undefined;
}
