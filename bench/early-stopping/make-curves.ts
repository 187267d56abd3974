// Makes the curves that early stopping is measured on, in seven minutes of one core:
// `node dist/bench/early-stopping/make-curves.js [FILE]`. Without FILE it writes over those of the sources.
import { appendFileSync, existsSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createRng, InputError } from "../../core/index.ts";
import type { Row } from "../../datasets/index.ts";
import { type ModelFolder, nativeInfo, openModelFolder } from "../../exec/index.ts";
import { jobDefaults } from "../../plan/index.ts";
import { RowReader } from "../../workbench/load/read-rows.ts";
import { packageFile } from "../../workbench/package-file.ts";
import { today } from "../../workbench/today.ts";
import { VERSION } from "../../workbench/version.ts";
import { CURVE_DATA, CURVE_SETTINGS, type CurveSetting } from "./curve-settings.ts";
import { CURVES_FILE, type Curve, type CurvesHead, curveLine } from "./curves.ts";
import { evaluatedRun } from "./evaluated-run.ts";

const MODEL = "tinystories-260k";
/** Tokens that a row keeps. */
const CUTOFF = 24;
const HELD_OUT = 12;
const EVERY = 10;

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

/** Rows to train on and, behind as many as there may be of them, rows that are held out. */
async function rowsOf(reader: RowReader, shared: string, setting: CurveSetting, vocabulary: number) {
  const data = CURVE_DATA[setting.data];
  const file =
    "shared" in data ? path.join(shared, "data", data.shared) : packageFile("examples", "data", data.example);
  const { rows } = await reader.read({ path: file, format: "text", field: data.field, limit: 1100 }, CUTOFF, 0);
  const training = rows.slice(0, setting.rows);
  return {
    rows: withNoise(training, setting.labelNoise, vocabulary, setting.seed),
    heldOut: rows.slice(rows.length - HELD_OUT),
  };
}

async function makeCurve(
  model: ModelFolder,
  reader: RowReader,
  shared: string,
  { name, family, setting }: (typeof CURVE_SETTINGS)[number],
): Promise<Curve> {
  const { learningRate, schedule, batchSize, rank, alpha, targets, seed, iterations: steps } = setting;
  const defaults = jobDefaults();
  const job = {
    ...defaults,
    name,
    adapter: { rank, alpha, dropout: 0, targets: [...targets] },
    data: { path: setting.data },
    batchSize,
    microBatchSize: batchSize,
    steps,
    seed,
    optimizer: { ...defaults.optimizer, learningRate, ...(schedule === undefined ? {} : { schedule }) },
  };
  const { rows, heldOut } = await rowsOf(reader, shared, setting, model.architecture.vocabularySize);
  const losses = await evaluatedRun(model, { job, rows, heldOut, every: EVERY });
  return { name, family, setting, every: EVERY, ...losses };
}

const file = process.argv[2] ?? CURVES_FILE;
const shared = sharedFolder();
const model = openModelFolder(path.join(shared, "models", MODEL));
const { vocabularySize } = model.architecture;
const mostTokens = model.architecture.maxPositions;
const tokenizerFolder = (): string => model.folder;
const reader = new RowReader({ folder: "", vocabularySize, mostTokens, cache: false, tokenizerFolder });
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
  const start = performance.now();
  const curve = await makeCurve(model, reader, shared, each);
  appendFileSync(file, `${curveLine(curve)}\n`);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    `${curve.name}: ${curve.evaluation.at(0)?.toFixed(3)} to ${curve.evaluation.at(-1)?.toFixed(3)} in ${seconds} s`,
  );
}
