import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRng, type Rng } from "../core/index.ts";
import { initModel } from "../datasets/index.ts";
import { packageFile } from "../files/index.ts";
import type { Scale } from "./suite.ts";

/** Rows of a case: those of GSM8K, whose training set has 7473, or as many made up. */
const ROWS: Readonly<Record<Scale, number>> = { full: 7473, default: 7473, quick: 1000, tiny: 20 };

/** What weights are packed of in the case of training: 85 million parameters, or a corner of it. */
const TRAINED: Readonly<Record<Scale, { readonly hiddenSize: number; readonly layers: number }>> = {
  full: { hiddenSize: 768, layers: 12 },
  default: { hiddenSize: 768, layers: 12 },
  quick: { hiddenSize: 256, layers: 4 },
  tiny: { hiddenSize: 32, layers: 2 },
};

/** The data and models of a case's commands, in a folder that goes with them. */
export interface StartData extends Disposable {
  readonly folder: string;
  readonly numRows: number;
  /** Where the rows come from, for the results. */
  readonly rows: string;
  /** A model whose tokenizer is measured. */
  tokenized(): string;
  /** A model whose weights are. */
  trained(): string;
  /** Writes a workload of so many jobs over the same rows; its file's name. */
  writeWorkload(of: {
    readonly model: string;
    readonly jobs: number;
    readonly steps: number;
    /** How much later each comes than the one before, and by how much it is more urgent. */
    readonly times?: { readonly arrivalSeconds: number; readonly priority: number };
  }): string;
}

function word(rng: Rng): string {
  return Array.from({ length: 2 + rng.nextInt(8) }, () => String.fromCharCode(97 + rng.nextInt(26))).join("");
}

/** Questions and answers as long as GSM8K's, of 4000 words that come again. */
function madeRows(count: number): string {
  const rng = createRng("rows of npm run bench -- start");
  const words = Array.from({ length: 4000 }, () => word(rng));
  const text = (least: number, most: number): string =>
    Array.from({ length: least + rng.nextInt(most - least) }, () =>
      rng.nextInt(8) === 0 ? `${rng.nextInt(1000)}` : words[rng.nextInt(words.length)]!,
    ).join(" ");
  const row = (): string => JSON.stringify({ question: `${text(25, 65)}?`, answer: `${text(30, 70)}.` });
  return Array.from({ length: count }, () => `${row()}\n`).join("");
}

export function startData(scale: Scale): StartData {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-start-"));
  const shared = process.env["LORATWIN_SHARED"] ?? packageFile("..", "shared");
  const gsm8k = path.join(shared, "data", "gsm8k-train.jsonl");
  const tinyStories = path.join(shared, "models", "tinystories-260k");
  const hasShared = scale !== "tiny" && existsSync(gsm8k) && existsSync(tinyStories);
  const numRows = ROWS[scale];
  const rows = hasShared ? gsm8k : path.join(folder, "rows.jsonl");
  if (!hasShared) writeFileSync(rows, madeRows(numRows));
  return {
    folder,
    numRows,
    rows: hasShared ? "GSM8K" : "made up",
    tokenized: () =>
      hasShared
        ? tinyStories
        : initModel({ folder: path.join(folder, "small"), hiddenSize: 64, layers: 5, heads: 8, seed: 1 }).folder,
    trained: () => initModel({ folder: path.join(folder, "trained"), ...TRAINED[scale], heads: 4, seed: 1 }).folder,
    writeWorkload({ model, jobs, steps, times: { arrivalSeconds, priority } = { arrivalSeconds: 0, priority: 0 } }) {
      const file = `${jobs} jobs.yaml`;
      const workload = {
        kind: "workload",
        version: 1,
        model: { path: model },
        defaults: {
          adapter: { rank: 8, alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] },
          data: { path: rows, limit: numRows, format: "instruction" },
          batchSize: 2,
          microBatchSize: 1,
          cutoffLength: 512,
          steps,
        },
        jobs: Array.from({ length: jobs }, (_, job) => ({
          name: `job-${job}`,
          seed: job + 1,
          ...(arrivalSeconds === 0 ? {} : { arrivalSeconds: job * arrivalSeconds, priority: job * priority }),
        })),
      };
      // JSON is YAML.
      writeFileSync(path.join(folder, file), JSON.stringify(workload));
      return file;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
