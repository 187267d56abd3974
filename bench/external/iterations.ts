import { z } from "zod";
import { InputError } from "../../core/index.ts";
import { csvRows } from "../../datasets/index.ts";
import type { Iteration } from "../../studies/index.ts";

const count = z.coerce.number().int().positive();

/** The columns of a table of iteration times, by their headings in lower case. */
const rowSchema = z.object({
  "global batch": count,
  "micro batch": count,
  "hidden size": count,
  "attention heads": count,
  "# layers": count,
  "sequence length": count,
  "tensor parallelism": count,
  "data parallelism": count,
  "pipeline parallelism": count,
  "iteration time (ms)": z.coerce.number().positive(),
});

/** Whether a CSV file's first line has the columns of a table of iterations. */
export function hasIterations(text: string): boolean {
  const heading = text.slice(0, text.indexOf("\n")).toLowerCase();
  return Object.keys(rowSchema.shape).every((column) => heading.includes(column));
}

/** @throws InputError for a cell that is not a positive number. */
export function readIterations(text: string): readonly Iteration[] {
  return csvRows(text, "iterations").map(({ cells, line }) => {
    const named = Object.entries(cells).map(([column, cell]) => [column.trim().toLowerCase(), cell]);
    const parsed = rowSchema.safeParse(Object.fromEntries(named));
    if (!parsed.success)
      throw new InputError({ expected: "a row of positive numbers", at: `line ${line}`, got: JSON.stringify(cells) });
    const row = parsed.data;
    return {
      globalBatch: row["global batch"],
      microBatch: row["micro batch"],
      hiddenSize: row["hidden size"],
      heads: row["attention heads"],
      layers: row["# layers"],
      sequenceLength: row["sequence length"],
      tensorParallel: row["tensor parallelism"],
      dataParallel: row["data parallelism"],
      pipelineParallel: row["pipeline parallelism"],
      seconds: row["iteration time (ms)"] / 1000,
    };
  });
}
