import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { mean, sum } from "../../core/index.ts";
import { initModel } from "../../datasets/index.ts";
import { packageFile } from "../../files/index.ts";
import { outputOf } from "../own-process.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";

const SHARED = process.env["LORATWIN_SHARED"] ?? packageFile("..", "shared");
const TRAINED_MODEL = path.join(SHARED, "models", "tinystories-260k");
const RATES = [1e-4, 3e-4, 1e-3, 2e-3, 4e-3, 1e-2, 3e-2, 0.1];
const RANKS = [4, 8, 16, 32];
/** The first comparison comes after this part of a job. */
const COMPARED = 16;
/** Questions of GSM8K are up to 250 tokens of that model long: a shorter one leaves nothing to score. */
const CUTOFF_LENGTH = 256;

interface Size {
  readonly steps: number;
  readonly ranks: readonly number[];
  readonly rates: readonly number[];
}

const SIZES: Readonly<Record<Scale, Size>> = {
  full: { steps: 128, ranks: RANKS, rates: RATES },
  default: { steps: 64, ranks: RANKS, rates: RATES },
  quick: { steps: 32, ranks: [4, 8], rates: RATES },
  tiny: { steps: 16, ranks: [4], rates: [1e-4, 1e-3, 3e-3, 1e-2] },
};

const ROWS = 800;
const GSM8K = path.join(SHARED, "data", "gsm8k-train.jsonl");

interface Data {
  /** Where they are; of examples/generate.mjs where absent. */
  readonly file?: string;
  readonly batchSize: number;
  readonly data: object;
}

const DATA: Readonly<Record<string, Data>> = {
  gsm8k: {
    ...{ file: GSM8K, batchSize: 2 },
    data: { limit: ROWS, prompt: "{{question}}\n", response: "{{answer}}" },
  },
  dates: { batchSize: 4, data: { format: "instruction" } },
  "word-problems": { batchSize: 4, data: { format: "instruction" } },
};

function workloadOf(size: Size, model: string, name: string, file: string, isHalved: boolean) {
  const { batchSize, data } = DATA[name]!;
  const { steps, ranks, rates } = size;
  const grid = { adapter: { rank: ranks }, optimizer: { learningRate: rates } };
  const halving = { firstRows: (steps * batchSize) / COMPARED, eta: 8, keep: 3, synchronous: true };
  return {
    kind: "workload",
    version: 1,
    model: { path: model },
    defaults: {
      adapter: { targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"] },
      ...{ batchSize, steps, cutoffLength: CUTOFF_LENGTH, data: { path: file, ...data } },
      // A constant rate leaves a loss that moves by more than good points differ.
      optimizer: { schedule: { name: "linear" } },
      evaluation: { share: 0.05, everySteps: steps / COMPARED },
    },
    jobs: [{ name: "point", sweep: { grid, ...(isHalved && { halving }) } }],
  };
}

interface Served {
  readonly status: { readonly uptimeSeconds: number };
  readonly rankings: readonly {
    readonly best: { readonly loss: number };
    readonly base: { readonly loss: number };
    readonly jobs: readonly { readonly spent: { readonly deviceSeconds: number } }[];
  }[];
}

function dataCase(name: string, size: Size): Case {
  return {
    name,
    seconds: 150,
    async run(bench: Bench) {
      const folder = mkdtempSync(path.join(tmpdir(), "loratwin-search-"));
      try {
        await measure(bench, name, size, folder);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

async function measure(bench: Bench, name: string, size: Size, folder: string): Promise<void> {
  const data = DATA[name]!.file ?? path.join(folder, `${name}.jsonl`);
  if (data !== GSM8K)
    await outputOf("examples", process.execPath, [packageFile("examples", "generate.mjs"), folder, `${ROWS}`, name]);
  const model = existsSync(TRAINED_MODEL)
    ? TRAINED_MODEL
    : initModel({ folder: path.join(folder, "model"), hiddenSize: 64, layers: 5, heads: 8, seed: 1 }).folder;
  const file = (of: string): string => path.join(folder, of);
  for (const isHalved of [false, true])
    writeFileSync(
      file(isHalved ? "halved.json" : "grid.json"),
      JSON.stringify(workloadOf(size, model, name, data, isHalved)),
    );
  const main = packageFile("dist", "cli", "main.js");
  const command = async <T>(...words: readonly string[]): Promise<T> =>
    JSON.parse(
      await outputOf(words[0]!, process.execPath, [main, ...words, "--json", "--quiet"], { cwd: folder }),
    ) as T;
  const device = ["--devices", "cpu:0"];
  const calibration = ["--calibration", "calibration.json"];
  await command("calibrate", "--workload", "grid.json", ...device, "-o", "calibration.json");
  const forecast = await command<{ halving: { seconds: number; withoutHalving: number; oneAfterAnother: number } }>(
    ...["simulate", "halved.json", ...device, ...calibration],
  );
  const { halving } = forecast;
  // Each shows what it is compared with beside it: in turn, on a machine that others use as well.
  const serve = (workload: string, out: string, ...policy: readonly string[]) =>
    command<Served>("serve", workload, ...device, ...calibration, "--once", "--no-answers", "-o", out, ...policy);
  const halved = await serve("halved.json", "halved", "--policy", "packed");
  const alone = await serve("grid.json", "alone", "--policy", "fifo", "--jobs-at-once", "1");
  const fused = await serve("grid.json", "fused", "--policy", "packed");
  const again = await serve("halved.json", "again", "--policy", "packed");
  const record = (of: string, value: number, unit: string, way?: string): void =>
    bench.record({ name: of, value, unit, repetitions: 1, spread: null, parameters: way === undefined ? {} : { way } });
  const deviceSeconds = (of: Served): number => sum(of.rankings[0]!.jobs.map(({ spent }) => spent.deviceSeconds));
  const ways = [
    ["one after another", [alone], halving.oneAfterAnother],
    ["fused", [fused], halving.withoutHalving],
    ["halved", [halved, again], halving.seconds],
  ] as const;
  for (const [way, runs, predicted] of ways) {
    const onDevice = mean(runs.map(deviceSeconds));
    record("executed", mean(runs.map(({ status }) => status.uptimeSeconds)), "s", way);
    record("device time", onDevice, "s", way);
    record("device time, share of one after another", onDevice / deviceSeconds(alone), "ratio", way);
    record("predicted / device time", predicted / onDevice, "ratio", way);
    record("predicted share of one after another", predicted / halving.oneAfterAnother, "ratio", way);
  }
  record("second run / first", deviceSeconds(again) / deviceSeconds(halved), "ratio", "halved");
  const [best, ofGrid] = [halved.rankings[0]!, alone.rankings[0]!];
  record("best evaluation loss", ofGrid.best.loss, "nats", "one after another");
  record("best evaluation loss", best.best.loss, "nats", "halved");
  record("best loss above that of the grid", best.best.loss / ofGrid.best.loss - 1, "ratio", "halved");
  record("base", ofGrid.base.loss, "nats");
}

export const search: Suite = {
  describe: "what a search takes and finds: 32 points one after another, fused and halved, predicted and executed",
  cases: ({ scale, note }) => {
    const names = scale === "tiny" ? ["dates"] : Object.keys(DATA);
    const found = names.filter((name) => existsSync(DATA[name]!.file ?? "."));
    if (found.length < names.length) note(`left out, since the data are not there: gsm8k`);
    return found.map((name) => dataCase(name, SIZES[scale]));
  },
};
