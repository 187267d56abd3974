// Makes the curves that early stopping is measured on, in some twenty minutes of one core:
// `node dist/bench/early-stopping/make-curves.js [FILE]`. Without FILE it writes over those of the sources.

import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createRng, InputError } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { nativeInfo, openModelFolder } from "../../exec/index.ts";
import { packageFile, VERSION } from "../../files/index.ts";
import { RowReader } from "../../workbench/load/read-rows.ts";
import { today } from "../../workbench/today.ts";
import { CURVE_DATA, CURVE_SETTINGS, type CurveSetting } from "./curve-settings.ts";
import { CURVES_FILE, type CurvesHead, curveLine, type ExecutedCurve } from "./curves.ts";

const MODEL = "tinystories-260k";
/** Tokens that a row keeps. */
const CUTOFF = 24;
const HELD_OUT = 12;
const PROGRAM = packageFile("dist", "cli", "main.js");

/** The folder of models and data. @throws InputError where it is not there */
function sharedFolder(): string {
  const shared = process.env["LORATWIN_SHARED"] ?? packageFile("..", "shared");
  if (existsSync(path.join(shared, "models", MODEL))) return shared;
  throw new InputError({ expected: `a folder with models/${MODEL} and data`, at: "LORATWIN_SHARED", got: shared });
}

/** Some of the tokens to predict are others, drawn from the whole vocabulary. */
function withNoise(rows: readonly Row[], share: number, vocabulary: number, seed: number): readonly Row[] {
  if (share === 0) return rows;
  const rng = createRng(`label noise ${seed}`);
  return rows.map(({ inputIds, labels }) => ({
    inputIds,
    labels: labels.map((label) => (label >= 0 && rng.nextFloat() < share ? rng.nextInt(vocabulary) : label)),
  }));
}

function writeRows(file: string, rows: readonly Row[]): void {
  const lines = rows.map(({ inputIds, labels }) => JSON.stringify({ input_ids: [...inputIds], labels: [...labels] }));
  writeFileSync(file, `${lines.join("\n")}\n`);
}

const file = process.argv[2] ?? CURVES_FILE;
const shared = sharedFolder();
const modelFolder = path.join(shared, "models", MODEL);
const model = openModelFolder(modelFolder);
const { vocabularySize, maxPositions: mostTokens } = model.architecture;
const reader = new RowReader({
  ...{ folder: "", vocabularySize, mostTokens, cache: false },
  tokenizerFolder: () => model.folder,
});

/** Rows to train on and, behind as many as there may be of them, rows that are held out. */
async function writeData(folder: string, setting: CurveSetting): Promise<void> {
  const data = CURVE_DATA[setting.data];
  const from =
    "shared" in data ? path.join(shared, "data", data.shared) : packageFile("examples", "data", data.example);
  const { rows } = await reader.read({ path: from, format: "text", field: data.field, limit: 1100 }, CUTOFF, 0);
  const training = rows.slice(0, setting.rows);
  writeRows(path.join(folder, "rows.jsonl"), withNoise(training, setting.labelNoise, vocabularySize, setting.seed));
  writeRows(path.join(folder, "held-out.jsonl"), rows.slice(rows.length - HELD_OUT));
}

interface Metric {
  readonly loss?: number | null;
  readonly evaluationLoss?: number | null;
}

/** What `train` writes of a job. A job that diverges ends there; what it would have made then is not finite. */
async function makeCurve(folder: string, each: (typeof CURVE_SETTINGS)[number]): Promise<ExecutedCurve> {
  const { name, family, setting } = each;
  const { learningRate, schedule, batchSize, rank, alpha, targets, seed, iterations, every } = setting;
  await writeData(folder, setting);
  const job = {
    ...{ name: "job", seed, batchSize, microBatchSize: batchSize, steps: iterations, cutoffLength: CUTOFF },
    adapter: { rank, alpha, targets },
    data: { path: "rows.jsonl", format: "tokens" },
    evaluation: { data: { path: "held-out.jsonl", format: "tokens" }, everySteps: every, keepBest: false },
    optimizer: { learningRate, ...(schedule === undefined ? {} : { schedule }) },
  };
  const workload = { kind: "workload", version: 1, model: { path: modelFolder }, jobs: [job] };
  writeFileSync(path.join(folder, "w.json"), JSON.stringify(workload));
  const words = ["train", "w.json", "--devices", "cpu:0", "-o", "run", "--no-cache", "--quiet"];
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], { cwd: folder, encoding: "utf8" });
  // A job that has diverged is exit code 1.
  if (status !== 0 && status !== 1) throw new Error(`${name}: ${stderr}`);
  const lines = readFileSync(path.join(folder, "run", "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  const metrics = lines.map((line) => JSON.parse(line) as Metric);
  const losses = (key: keyof Metric, count: number): readonly number[] => {
    const made = metrics.flatMap((line) => (line[key] === undefined ? [] : [line[key] ?? Number.NaN]));
    return Array.from({ length: count }, (_, index) => made[index] ?? Number.NaN);
  };
  return {
    ...{ name, family, setting, every, optimizer: { learningRate, ...(schedule === undefined ? {} : { schedule }) } },
    training: losses("loss", iterations),
    evaluation: losses("evaluationLoss", Math.floor(iterations / every)),
  };
}

const { onednn, isa } = nativeInfo();
const head: CurvesHead = {
  kind: "loss-curves",
  model: MODEL,
  modelDigest: model.digest,
  command: "node dist/bench/early-stopping/make-curves.js",
  date: today(),
  versions: { loratwin: VERSION, onednn, isa },
};
writeFileSync(file, `${JSON.stringify(head)}\n`);
for (const each of CURVE_SETTINGS) {
  const folder = mkdtempSync(path.join(tmpdir(), "curve-"));
  const start = performance.now();
  const curve = await makeCurve(folder, each);
  rmSync(folder, { recursive: true });
  appendFileSync(file, `${curveLine(curve)}\n`);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${curve.name}: ${curve.evaluation.at(0)?.toFixed(3)} to ${curve.evaluation.at(-1)?.toFixed(3)} in ${seconds} s`,
  );
}
