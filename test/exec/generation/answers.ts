import { readFileSync } from "node:fs";
import path from "node:path";
import {
  type Generation,
  type GenerationRequest,
  GREEDY,
  type NamedAdapter,
  nativeInfo,
  type OpenGenerator,
  openGenerator,
  openModelFolder,
  readPeftFolder,
} from "../../../exec/index.ts";
import type { AdapterSpec, Dtype, Projection } from "../../../plan/index.ts";
import { SHARED } from "../../shared-folder.ts";

export const EXPORT_ORACLE = path.join(SHARED, "oracle/export");

export function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, "utf8")) as T;
}

/** What transformers and PEFT answer to a prompt, 40 tokens whatever they are. */
export interface StoredAnswer {
  readonly tokens: readonly number[];
  readonly log_probabilities: readonly number[];
}

export interface StoredPrompt {
  readonly input_ids: readonly number[];
  readonly base: StoredAnswer;
  readonly adapter: StoredAnswer;
}

interface StoredAnswers {
  readonly adapters: Readonly<Record<string, { readonly base: string; readonly prompts: readonly StoredPrompt[] }>>;
}

export function storedAnswers(): StoredAnswers["adapters"] {
  return readJson<StoredAnswers>(path.join(EXPORT_ORACLE, "expected.json")).adapters;
}

export function baseFolder(name: string): string {
  return name === "tinystories-260k" ? path.join(SHARED, "models", name) : path.join(EXPORT_ORACLE, "bases", name);
}

/** An adapter of the oracle with the form that its own file says. */
export function storedAdapter(name: string, base: string): NamedAdapter {
  const folder = path.join(EXPORT_ORACLE, "adapters", name);
  const config = readJson<Record<string, unknown>>(path.join(folder, "adapter_config.json"));
  const spec: AdapterSpec = {
    ...{ rank: config["r"] as number, alpha: config["lora_alpha"] as number, dropout: 0 },
    targets: [...(config["target_modules"] as Projection[])],
    rankPattern: config["rank_pattern"] as Record<string, number>,
    alphaPattern: config["alpha_pattern"] as Record<string, number>,
    ...(config["use_rslora"] === true ? { rslora: true as const } : {}),
  };
  return { name, spec, pairs: readPeftFolder(folder, spec, openModelFolder(baseFolder(base)).architecture) };
}

/** A generator of a base with adapters on some cores of this machine. */
export function generatorOf(
  base: string,
  adapters: readonly NamedAdapter[],
  dtype: Dtype = "float32",
  sequences = 8,
): Promise<OpenGenerator> {
  return openGenerator({
    ...{ model: openModelFolder(base), dtype, adapters, sequences, cacheTokens: 1024 },
    device: { name: "cpu:0", cores: nativeInfo().cores.slice(0, 2) },
  });
}

export function answer(
  { generator }: OpenGenerator,
  prompt: readonly number[],
  adapter?: string,
  more: Partial<GenerationRequest> = {},
): Promise<Generation> {
  return generator.generate({
    ...{ prompt, adapter, sampling: GREEDY, maxTokens: 40, stopTokens: new Set<number>() },
    ...more,
  });
}

export function idsOf({ tokens }: Generation): readonly number[] {
  return tokens.map(({ token }) => token);
}
