import { InputError } from "../../core/index.ts";
import { aboutRows, cutRow, type FileSource, type TextTokenizer } from "../../datasets/index.ts";
import { readEachRecord } from "../../datasets/read-dataset.ts";
import type { ReadRow, TokenRow } from "./compare-rows.ts";

/** What loratwin makes of each row of a file. */
export async function readOurRows(
  source: FileSource,
  tokenizer: TextTokenizer,
  cutoffLength: number,
): Promise<readonly ReadRow[]> {
  const read: ReadRow[] = [];
  try {
    for await (const seen of readEachRecord(source, { tokenizer })) {
      if ("refused" in seen) {
        read.push({ refused: seen.refused.message });
        continue;
      }
      const rows = seen.rows.map((row): TokenRow | undefined => {
        const about = { format: seen.format, ...aboutRows(source, seen.format) };
        const { row: cut, leftOut } = cutRow(row, about, cutoffLength);
        // A row of which nothing is trained is one all the same, as the libraries keep it.
        if (leftOut === "dropped") return undefined;
        return {
          input_ids: [...cut.inputIds],
          labels: [...cut.labels],
          ...(row.name === undefined ? {} : { name: row.name }),
        };
      });
      read.push({ rows: rows.filter((row) => row !== undefined) });
    }
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    read.push({ refused: error.message });
  }
  return read;
}
