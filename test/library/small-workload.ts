import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";
import { initModel, type WorkloadDocument } from "../../library/index.ts";

/** A folder with a small model and rows, that is removed after the file's tests. */
export function smallFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-library-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  initModel("model", { hiddenSize: 64, layers: 2, heads: 2 }, { cwd: folder });
  const rows = Array.from({ length: 24 }, (_, row) => {
    const ids = Array.from({ length: 12 + (row % 5) }, (_, i) => (i * 5 + row) % 90);
    return JSON.stringify({ input_ids: ids, labels: ids });
  });
  writeFileSync(path.join(folder, "rows.jsonl"), `${rows.join("\n")}\n`);
  return folder;
}

/** Two jobs over it, as an object. */
export const SMALL: WorkloadDocument = {
  kind: "workload",
  version: 1,
  model: { path: "model" },
  defaults: { batchSize: 4, microBatchSize: 2, steps: 30, optimizer: { learningRate: 5e-3 } },
  jobs: ["first", "second"].map((name, seed) => ({
    name,
    seed,
    data: { path: "rows.jsonl" },
    adapter: { rank: 4 * (seed + 1), alpha: 8 },
  })),
};
