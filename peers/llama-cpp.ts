import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DeviceError } from "../core/index.ts";
import { packageFile, userCache } from "../files/index.ts";
import { runLoratwin } from "./programs.ts";
import type { Verdict } from "./verdicts.ts";

/** The judge that decodes what `export` writes. */
export const LLAMA_CPP = "llama.cpp";

/**
 * Whole models by how their numbers are stored: tokens that are compared, and the share that may be others, in float32
 * not one. Behind the first other one all may be.
 */
const TYPES = { f32: [40, 1e-9], f16: [40, 0.05], q8_0: [4, 0.25] } as const;

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

function verdictOf(
  at: string,
  judge: string,
  got: readonly (readonly number[])[],
  wanted: typeof got,
  bound: number = TYPES.f32[1],
): Verdict {
  const all = wanted.flat();
  const other = got.flat().filter((token, i) => token !== all[i]).length;
  return { case: LLAMA_CPP, at, judge, difference: other / all.length, bound };
}

/** Exports the stored adapters, and has llama.cpp decode bases, adapters and whole models. */
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
    const exported = async (to: string, more: readonly string[] = []): Promise<string> => {
      const target = path.join(folder, [to, ...more].join(""), name);
      const words = ["export", path.join(oracle, "adapters", name), target, "--to", to, ...more];
      const { code, stderr } = await runLoratwin([...words, "--base", baseFolder, "--quiet"]);
      if (code !== 0) throw new DeviceError({ expected: "loratwin to export", got: code, detail: stderr });
      return target;
    };
    const ids = prompts.map(({ input_ids: own }) => own);
    const count = prompts[0]!.base.tokens.length;
    const adapter = path.join(await exported("gguf"), "adapter.gguf");
    const tokens = (kind: "base" | "adapter") => prompts.map((prompt) => prompt[kind].tokens);
    verdicts.push(
      verdictOf(name, "base", decode(llama, model, undefined, ids, count), tokens("base")),
      verdictOf(name, "adapter", decode(llama, model, adapter, ids, count), tokens("adapter")),
    );
    for (const [type, [first, bound]] of Object.entries(TYPES)) {
      const whole = path.join(await exported("gguf-model", ["--type", type]), "model.gguf");
      const got = decode(llama, whole, undefined, ids, first);
      const wanted = tokens("adapter").map((all) => all.slice(0, first));
      verdicts.push(verdictOf(name, `whole model, ${type}`, got, wanted, bound));
    }
  }
  return verdicts;
}
