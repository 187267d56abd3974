import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { initModel } from "../../../datasets/index.ts";

/** One wrong input: it lies in a folder of its own beside `../model` and `../rows.jsonl`. */
export interface BadInput {
  readonly name: string;
  /** By path in the case's folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** What text files cannot say. */
  readonly prepare?: (folder: string) => void | Promise<void>;
  /** Run there. */
  readonly argv: readonly string[];
  /** What the message has to say: file and line, path, what was expected, what was got. */
  readonly says: readonly RegExp[];
  /** Whether the message goes on with a table or a grid. */
  readonly detail?: boolean;
}

/** Line numbers in messages are of this text. */
export const WORKLOAD = `kind: workload
version: 1
model: { path: ../model }
defaults:
  adapter: { rank: 4, alpha: 8 }
  optimizer: { name: adamw, learningRate: 1.0e-3 }
  batchSize: 4
  microBatchSize: 2
  steps: 2
  cutoffLength: 32
jobs:
  - name: first
    data: { path: ../rows.jsonl }
    seed: 1
  - name: second
    data: { path: ../rows.jsonl }
    adapter: { rank: 2 }
`;

export const CLUSTER = `kind: cluster
version: 1
machines:
  - name: local
    devices:
      - { name: "cpu:0", type: cpu, threads: 1 }
      - { name: "cpu:1", type: cpu, threads: 1 }
    link: { type: host, shared: true }
`;

export const CALIBRATION = `kind: calibration
version: 1
model: constant
seconds: { F: 1, B: 2, transfer: 0, update: 0 }
`;

/** `text` with `from` as `to`. Throws where there is no `from`. */
export function edited(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`no ${JSON.stringify(from)} in the text`);
  return text.replace(from, to);
}

/** A workload file with one change. */
export function workload(from: string, to: string): Readonly<Record<string, string>> {
  return { "w.yaml": edited(WORKLOAD, from, to) };
}

export const PLAN_IT = ["plan", "w.yaml"] as const;

/** Writes the model and the rows that every case may name. */
export function writeShared(root: string): void {
  initModel({ folder: path.join(root, "model"), hiddenSize: 16, layers: 2, heads: 2, seed: 1, maxPositions: 64 });
  const rows = Array.from({ length: 12 }, (_, i) => JSON.stringify({ question: `${i} + 1`, answer: `${i + 1}` }));
  writeFileSync(path.join(root, "rows.jsonl"), `${rows.join("\n")}\n`);
}

/** Writes a case's files and returns its folder. */
export async function prepareCase(root: string, index: number, { files, prepare }: BadInput): Promise<string> {
  const folder = path.join(root, `case-${index}`);
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(files ?? {})) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  await prepare?.(folder);
  return folder;
}
