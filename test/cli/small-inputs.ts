import { writeFileSync } from "node:fs";
import path from "node:path";
import { printed } from "./run-cli.ts";

/** How the workload of a fleet begins that is only simulated; its defaults and jobs come next. */
export const SMALL_FLEET = `kind: workload
version: 1
model: { architecture: { hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, num_attention_heads: 4, vocab_size: 300 } }
`;

/** A small model, and 40 rows of 20 to 26 tokens: `model` and `rows.jsonl` of a folder. */
export async function writeSmallInputs(folder: string): Promise<void> {
  const shape = ["--hidden-size", "64", "--layers", "2", "--heads", "2", "--kv-heads", "2"];
  await printed(["init-model", "model", ...shape], folder);
  const rows = Array.from({ length: 40 }, (_, row) => {
    const ids = Array.from({ length: 20 + (row % 7) }, (_, i) => (i * 5 + row) % 90);
    return JSON.stringify({ input_ids: ids, labels: ids });
  });
  writeFileSync(path.join(folder, "rows.jsonl"), `${rows.join("\n")}\n`);
}
