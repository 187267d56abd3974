import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { initModel, readSafetensors, type TensorToWrite, writeSafetensors } from "../../../datasets/index.ts";
import { type AdapterPair, initialPairs, openModelFolder, writePeftFolder } from "../../../exec/index.ts";
import type { AdapterSpec, Projection } from "../../../plan/index.ts";
import { perturbed } from "../../exec/small-run.ts";

export type Config = Readonly<Record<string, unknown>>;

/** A small random Llama. */
export function makeBase(folder: string, tieEmbeddings = false): string {
  initModel({ folder, hiddenSize: 32, layers: 2, heads: 4, kvHeads: 2, seed: 3, tieEmbeddings });
  return folder;
}

const TARGETS: readonly Projection[] = ["q_proj", "v_proj"];

export interface MadeAdapter {
  readonly spec?: Partial<AdapterSpec>;
  /** What becomes of its configuration, and of its tensors. */
  readonly config?: (config: Config) => Config;
  readonly tensors?: (tensors: readonly TensorToWrite[]) => readonly TensorToWrite[];
}

/** An adapter whose B is not 0, as loratwin writes it, with something done to it. */
export function makeAdapter(
  folder: string,
  base: string,
  { spec = {}, config = (given) => given, tensors = (given) => given }: MadeAdapter = {},
): readonly AdapterPair[] {
  const { architecture } = openModelFolder(base);
  const adapter: AdapterSpec = { rank: 4, alpha: 8, dropout: 0, targets: [...TARGETS], ...spec };
  const pairs = perturbed(initialPairs({ adapter, seed: 1 }, architecture)).map((pair) => ({
    ...pair,
    ...(pair.magnitudes === undefined ? {} : { magnitudes: pair.magnitudes.map((_, i) => 0.5 + (i % 5) / 8) }),
  }));
  writePeftFolder(folder, adapter, architecture, base, pairs);
  const [configFile, weightsFile] = ["adapter_config.json", "adapter_model.safetensors"].map((name) =>
    path.join(folder, name),
  ) as [string, string];
  writeFileSync(configFile, JSON.stringify(config(JSON.parse(readFileSync(configFile, "utf8")) as Config)));
  const reader = readSafetensors(weightsFile);
  const own = reader.tensors.map(({ name, shape }) => ({ name, shape, values: reader.readTensor(name) }));
  writeSafetensors(weightsFile, tensors(own));
  return pairs;
}

/** A tensor of ones. */
export function ones(name: string, ...shape: readonly number[]): TensorToWrite {
  return { name, shape, values: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1) };
}
