import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gguf } from "@huggingface/gguf";
import { DeviceError } from "../core/index.ts";
import { readSafetensors } from "../datasets/index.ts";
import { packageFile, userCache } from "../files/index.ts";
import { ggufName, withMovedRows } from "../workbench/ship/gguf-names.ts";
import { runLoratwin } from "./programs.ts";
import type { Verdict } from "./verdicts.ts";

/** The judge that decodes what `export` writes. */
export const LLAMA_CPP = "llama.cpp";

/** Not one may be another one. */
const NO_TOKEN = 1e-9;

const VERSION = "3.21.1";
const PACKAGES = [`node-llama-cpp@${VERSION}`, `@node-llama-cpp/linux-x64@${VERSION}`];

/** Models and adapters with the tokens that transformers and PEFT make of them. */
function oracleFolder(): string {
  const shared = process.env["LORATWIN_SHARED"] ?? packageFile("..", "shared");
  return path.resolve(shared, "oracle", "export");
}

interface Stored {
  readonly adapters: Readonly<
    Record<
      string,
      {
        readonly base: string;
        readonly prompts: readonly {
          readonly input_ids: readonly number[];
          readonly base: { readonly tokens: readonly number[] };
          readonly adapter: { readonly tokens: readonly number[] };
        }[];
      }
    >
  >;
}

/** The folder in which llama.cpp's library is installed: 83 MB, once. @throws DeviceError where it cannot be */
function prepareLlama(note: (text: string) => void): string {
  const folder = path.join(process.env["LORATWIN_PEERS"] || userCache("peers"), `llama-cpp-${VERSION}`);
  const stamp = path.join(folder, "whole");
  if (existsSync(stamp)) return folder;
  note(`installs node-llama-cpp into ${folder} (once)`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), "{}\n");
  const words = ["install", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", ...PACKAGES];
  const { status } = spawnSync("npm", words, { cwd: folder, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new DeviceError({ expected: "npm to install node-llama-cpp", got: status });
  writeFileSync(stamp, "");
  return folder;
}

/** The base's GGUF with the weights of a merged model in place of its own. Both are in float32. */
async function mergedGguf(base: string, merged: string, file: string): Promise<void> {
  cpSync(base, file);
  const { tensorInfos, tensorDataOffset, metadata } = await gguf(base, { allowLocalFile: true });
  const bytes = readFileSync(base);
  const reader = readSafetensors(merged);
  const isLlama = metadata["general.architecture"] === "llama";
  const config = JSON.parse(readFileSync(path.join(merged, "config.json"), "utf8")) as Record<string, number>;
  for (const { name } of reader.tensors) {
    const own = ggufName(name.replace(/\.weight$/, ""));
    const info = tensorInfos.find((each) => each.name === own);
    if (info === undefined) continue;
    const values = reader.readTensor(name);
    const heads = /q_proj/.test(name) ? config["num_attention_heads"]! : config["num_key_value_heads"]!;
    const columns = Number(info.shape[0]);
    const moved = isLlama && /[qk]_proj/.test(name) ? withMovedRows(values, columns, heads) : values;
    const start = Number(tensorDataOffset) + Number(info.offset);
    bytes.set(new Uint8Array(moved.buffer, moved.byteOffset, moved.byteLength), start);
  }
  writeFileSync(file, bytes);
}

/** Greedy tokens behind prompts; `adapter`: a GGUF file, or none. @throws DeviceError where the process ends badly */
function decode(
  folder: string,
  model: string,
  adapter: string | undefined,
  prompts: readonly (readonly number[])[],
  count: number,
): readonly (readonly number[])[] {
  const script = packageFile("peers", "llama-decode.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, folder], {
    input: JSON.stringify({ model, adapter, prompts, count }),
    encoding: "utf8",
  });
  if (status === 0) return JSON.parse(stdout) as number[][];
  throw new DeviceError({ expected: "llama.cpp to decode", got: status, detail: stderr });
}

function verdictOf(at: string, judge: string, got: readonly (readonly number[])[], wanted: typeof got): Verdict {
  const all = wanted.flat();
  const other = got.flat().filter((token, i) => token !== all[i]).length;
  return { case: LLAMA_CPP, at, judge, difference: other / all.length, bound: NO_TOKEN };
}

/** Exports the stored adapters, and has llama.cpp decode bases, adapters and merged models. */
export async function judgeByLlama(folder: string, note: (text: string) => void): Promise<readonly Verdict[]> {
  const oracle = oracleFolder();
  if (!existsSync(path.join(oracle, "expected.json"))) {
    note(`no stored models in ${oracle}: llama.cpp has nothing to judge`);
    return [];
  }
  const llama = prepareLlama(note);
  const { adapters } = JSON.parse(readFileSync(path.join(oracle, "expected.json"), "utf8")) as Stored;
  const verdicts: Verdict[] = [];
  for (const [name, { base, prompts }] of Object.entries(adapters)) {
    note(`decodes ${name} with llama.cpp`);
    const model = path.join(oracle, "bases", `${base}.gguf`);
    const baseFolder =
      base === "tinystories-260k" ? path.resolve(oracle, "../../models", base) : path.join(oracle, "bases", base);
    for (const to of ["gguf", "merged"]) {
      const words = ["export", path.join(oracle, "adapters", name), path.join(folder, to, name), "--to", to];
      const { code, stderr } = await runLoratwin([...words, "--base", baseFolder, "--quiet"]);
      if (code !== 0) throw new DeviceError({ expected: "loratwin to export", got: code, detail: stderr });
    }
    const merged = path.join(folder, `${name}.gguf`);
    await mergedGguf(model, path.join(folder, "merged", name), merged);
    const ids = prompts.map(({ input_ids: own }) => own);
    const count = prompts[0]!.base.tokens.length;
    const adapter = path.join(folder, "gguf", name, "adapter.gguf");
    const tokens = (kind: "base" | "adapter") => prompts.map((prompt) => prompt[kind].tokens);
    verdicts.push(
      verdictOf(name, "base", decode(llama, model, undefined, ids, count), tokens("base")),
      verdictOf(name, "adapter", decode(llama, model, adapter, ids, count), tokens("adapter")),
      verdictOf(name, "merged model", decode(llama, merged, undefined, ids, count), tokens("adapter")),
    );
  }
  return verdicts;
}
