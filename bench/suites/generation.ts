import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  GREEDY,
  initialPairs,
  type NamedAdapter,
  nativeInfo,
  type OpenGenerator,
  openGenerator,
} from "../../exec/index.ts";
import { packageFile } from "../../files/index.ts";
import type { AdapterSpec, Architecture, Dtype } from "../../plan/index.ts";
import { measureHardware, readRate } from "../machine.ts";
import { summarize } from "../measurement.ts";
import { type StepProcess, startSteps } from "../step-process.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { baselinePython, torchEnvironment } from "../torch.ts";
import { benchModel } from "../train.ts";
import { architectureOf, configOf, type ModelShape, multipliedParameters } from "../workload.ts";

const SCRIPT = packageFile("bench", "baseline", "generate_tokens.py");
const LLAMA_SCRIPT = packageFile("bench", "baseline", "llama-cpp.mjs");
/** A folder in which node-llama-cpp is installed, and a Python with the package gguf. */
const LLAMA_FOLDER = process.env["LORATWIN_LLAMA_CPP"];
const GGUF_PYTHON = process.env["LORATWIN_GGUF_PYTHON"];

const ADAPTERS = 8;
const THREADS = 2;
const PROMPT = 32;
/** Tokens of an answer, and rounds of all ways. */
const TOKENS: Readonly<Record<Scale, number>> = { full: 64, default: 64, quick: 16, tiny: 4 };
const ROUNDS: Readonly<Record<Scale, number>> = { full: 6, default: 4, quick: 2, tiny: 2 };
const TINY: ModelShape = { hidden: 64, layers: 2, heads: 4, kvHeads: 2, intermediate: 128, vocabulary: 320 };
/** Half of the layers of a Llama of 500 million parameters. */
const LARGE: ModelShape = {
  ...{ hidden: 1536, layers: 8, heads: 24, kvHeads: 8, intermediate: 4096, vocabulary: 32_000 },
  family: { rms_norm_eps: 1e-6, max_position_embeddings: 4096, model_type: "llama" },
};
const SHAPES: Readonly<Record<Scale, ModelShape>> = { full: LARGE, default: LARGE, quick: TINY, tiny: TINY };

const SPEC: AdapterSpec = {
  ...{ rank: 16, alpha: 32, dropout: 0 },
  targets: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
};

function adaptersOf(arch: Architecture): readonly NamedAdapter[] {
  const pairs = initialPairs({ adapter: SPEC, seed: 1 }, arch);
  return Array.from({ length: ADAPTERS }, (_, i) => ({
    name: `a${i}`,
    spec: SPEC,
    pairs: pairs.map((pair) => ({ ...pair, b: pair.b.map((_value, at) => ((at % 7) - 3) / 300) })),
  }));
}

/** A way to make tokens: seconds of one round, and the tokens that it makes. */
interface Way {
  readonly name: string;
  readonly tokens: number;
  readonly run: () => Promise<number>;
}

function ownWays({ generator }: OpenGenerator, tokens: number): readonly Way[] {
  const ask = (adapter: string | undefined) =>
    generator.generate({
      prompt: Array.from({ length: PROMPT }, (_, i) => 1 + ((i * 37) % 200)),
      ...{ adapter, sampling: GREEDY, maxTokens: tokens, stopTokens: new Set<number>() },
    });
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const began = performance.now();
    await work();
    return (performance.now() - began) / 1e3;
  };
  const names = Array.from({ length: ADAPTERS }, (_, i) => `a${i}`);
  return [
    { name: "base", tokens, run: () => timed(() => ask(undefined)) },
    {
      name: `${ADAPTERS} adapters, fused`,
      tokens: ADAPTERS * tokens,
      run: () => timed(() => Promise.all(names.map(ask))),
    },
    {
      name: `${ADAPTERS} adapters, one after another`,
      tokens: ADAPTERS * tokens,
      run: () =>
        timed(async () => {
          for (const name of names) await ask(name);
        }),
    },
  ];
}

function pythonVersion(): string | undefined {
  const { status, stdout } = spawnSync(baselinePython(), [SCRIPT, "--check"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : undefined;
}

function wayOf(name: string, tokens: number, process: StepProcess): Way {
  return { name, tokens, run: async () => (await process.step()).seconds };
}

async function othersOf(
  bench: Bench,
  shape: ModelShape,
  dtype: Dtype,
  tokens: number,
  place: string,
): Promise<readonly { readonly way: Way; readonly process: StepProcess }[]> {
  const started: { way: Way; process: StepProcess }[] = [];
  const config = JSON.stringify(configOf(shape));
  const sizes = ["--prompt", `${PROMPT}`, "--tokens", `${tokens}`, "--threads", `${THREADS}`];
  const environment = torchEnvironment(THREADS, THREADS);
  if (pythonVersion() === undefined) bench.note(`No transformers in ${baselinePython()}: no rows of it.`);
  else
    for (const rows of [1, ADAPTERS]) {
      const words = [SCRIPT, "--config", config, "--dtype", dtype, "--rows", `${rows}`, ...sizes];
      const process = await startSteps("transformers", baselinePython(), words, environment);
      started.push({ way: wayOf(`transformers, ${rows} of the base`, rows * tokens, process), process });
    }
  if (LLAMA_FOLDER === undefined || GGUF_PYTHON === undefined)
    bench.note("LORATWIN_LLAMA_CPP and LORATWIN_GGUF_PYTHON are not set: no rows of llama.cpp.");
  else {
    const file = path.join(place, "model.gguf");
    const made = spawnSync(GGUF_PYTHON, [packageFile("bench", "baseline", "random_gguf.py"), file, config, dtype], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    if (made.status !== 0) bench.note("random_gguf.py failed: no rows of llama.cpp.");
    else {
      const words = [LLAMA_SCRIPT, LLAMA_FOLDER, file, ...sizes];
      const child = await startSteps("llama.cpp", process.execPath, words, process.env);
      started.push({ way: wayOf("llama.cpp, 1 of the base", tokens, child), process: child });
    }
  }
  return started;
}

async function measure(bench: Bench, dtype: Dtype): Promise<void> {
  const shape = SHAPES[bench.scale];
  const tokens = TOKENS[bench.scale];
  const model = benchModel(architectureOf(shape));
  const place = mkdtempSync(path.join(tmpdir(), "loratwin-generation-"));
  using open = await openGenerator({
    ...{ model, dtype, adapters: adaptersOf(model.architecture), sequences: ADAPTERS },
    cacheTokens: ADAPTERS * (PROMPT + tokens),
    device: { name: "cpu:0", cores: nativeInfo().cores.slice(0, THREADS) },
  });
  const others = await othersOf(bench, shape, dtype, tokens, place);
  try {
    const ways = [...ownWays(open, tokens), ...others.map(({ way }) => way)];
    for (const { run } of ways) await run();
    const seconds = ways.map((): number[] => []);
    for (let round = 0; round < ROUNDS[bench.scale]; round += 1) {
      const order = ways.map((_, index) => index);
      for (const index of round % 2 === 0 ? order : order.toReversed()) seconds[index]!.push(await ways[index]!.run());
    }
    const bytes = multipliedParameters(shape) * (dtype === "float32" ? 4 : 2);
    const parameters = { dtype, prompt: PROMPT, tokens, threads: THREADS, megabytes: Math.round(bytes / 1e6) };
    ways.forEach((way, index) => {
      const rates = seconds[index]!.map((each) => way.tokens / each);
      bench.record({ name: way.name, parameters, ...summarize(rates), unit: "tokens/s" });
    });
    const limit = readRate(await measureHardware(bench), THREADS) / bytes;
    const one = { parameters, repetitions: 1, spread: null } as const;
    bench.record({ ...one, name: "limit: the weights read once a token", value: limit, unit: "tokens/s" });
    const rate = (index: number): number => ways[index]!.tokens / summarize(seconds[index]!).value;
    bench.record({ ...one, name: "base, of the limit", value: rate(0) / limit, unit: "share" });
    bench.record({ ...one, name: "fused against one after another", value: rate(1) / rate(2), unit: "ratio" });
  } finally {
    for (const { process } of others) await process[Symbol.asyncDispose]();
    rmSync(place, { recursive: true, force: true });
  }
}

export const generation: Suite = {
  describe: "tokens a second: the base, adapters fused and one after another, transformers, llama.cpp, and the limit",
  versions: () => ({ transformers: pythonVersion() ?? "" }),
  cases: (): readonly Case[] =>
    (["float32", "bfloat16"] as const).map((dtype) => ({
      name: dtype,
      seconds: 150,
      run: (bench) => measure(bench, dtype),
    })),
};
