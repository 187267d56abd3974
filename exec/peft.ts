import { existsSync } from "node:fs";
import path from "node:path";
import { InputError } from "../core/index.ts";
import { readSafetensors, type SafetensorsReader, type TensorToWrite, writeSafetensors } from "../datasets/index.ts";
import { writeWholeFile, writeWholeFolder } from "../files/index.ts";
import {
  type AdapterSpec,
  type Architecture,
  adapterSites,
  isOfMixture,
  type Projection,
  projectionShape,
} from "../plan/index.ts";
import { checkFinite } from "./finite-weights.ts";
import { checkPeftConfig } from "./peft-config.ts";
import { isOfEachExpert, readEachExpert } from "./peft-each-expert.ts";
import { adapterPath, fromPeftB, targetParameters, toPeftB } from "./peft-experts.ts";

/**
 * A [rank, in] and B [out, rank] of one projection of one layer, row major; of experts [experts, rank, in] and [experts,
 * out, rank]. Of the embedding A [tokens, hidden] is rows of it, those that nobody has trained no numbers, and B is empty.
 * Magnitudes [out] where the adapter has them: those of one that nobody has trained are no numbers, and
 * stand for the norms of the base's rows.
 */
export interface AdapterPair {
  readonly layer: number;
  readonly projection: Projection;
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly magnitudes?: Float32Array | undefined;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";

function tensorName(module: string, matrix: "A" | "B"): string {
  return `base_model.model.${module}.lora_${matrix}.weight`;
}

/** Whole rows, not differences, despite its name. Source: TrainableTokensLayer of peft 0.21. */
export const TOKEN_ROWS = "model.embed_tokens.token_adapter.trainable_tokens_delta";

const tokenRowsName = `base_model.model.${TOKEN_ROWS}`;

/** Its name does not end in "weight". */
function magnitudesName(module: string): string {
  return `base_model.model.${module}.lora_magnitude_vector`;
}

/** A pattern in the order in which its keys are tried, here and where PEFT reads them. */
function sorted(pattern: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.keys(pattern)
      .sort()
      .map((key) => [key, pattern[key]!]),
  );
}

/** Writes a folder, whole, that PEFT loads as it is; the same adapter gives the same bytes. */
export function writePeftFolder(
  folder: string,
  spec: AdapterSpec,
  arch: Architecture,
  base: string,
  pairs: readonly AdapterPair[],
): void {
  const config = {
    alpha_pattern: sorted(spec.alphaPattern),
    auto_mapping: null,
    base_model_name_or_path: base,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    layers_pattern: null,
    layers_to_transform: null,
    lora_alpha: spec.alpha,
    lora_dropout: spec.dropout,
    modules_to_save: null,
    peft_type: "LORA",
    r: spec.rank,
    rank_pattern: sorted(spec.rankPattern),
    revision: null,
    target_modules: spec.targets.filter((target) => !isOfMixture(target)).sort(),
    ...targetParameters(spec, arch),
    task_type: "CAUSAL_LM",
    ...(spec.trainableTokens === undefined ? {} : { trainable_token_indices: spec.trainableTokens }),
    ...(spec.dora === true ? { use_dora: true } : {}),
    use_rslora: spec.rslora === true,
  };
  const tensors = pairTensors(arch, pairs);
  writeWholeFolder(folder, (unfinished) => {
    writeWholeFile(path.join(unfinished, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
    writeSafetensors(path.join(unfinished, WEIGHTS), tensors, { format: "pt" });
  });
}

/** An adapter's tensors under PEFT's names, behind a prefix. */
export function pairTensors(arch: Architecture, pairs: readonly AdapterPair[], prefix = ""): readonly TensorToWrite[] {
  const targets = new Set(pairs.map(({ projection }) => projection));
  return pairs.flatMap(({ layer, projection, a, b, magnitudes }) => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    if (projection === "embed_tokens")
      return [{ name: prefix + tokenRowsName, shape: [a.length / inFeatures, inFeatures], values: a }];
    const module = adapterPath(targets, arch, layer, projection);
    // Of all experts.
    const ranks = a.length / inFeatures;
    return [
      { name: prefix + tensorName(module, "A"), shape: [ranks, inFeatures], values: a },
      { name: prefix + tensorName(module, "B"), shape: [out, ranks], values: toPeftB(arch, projection, b) },
      ...(magnitudes === undefined
        ? []
        : [{ name: prefix + magnitudesName(module), shape: [out], values: magnitudes }]),
    ];
  });
}

/**
 * All layers of an adapter from a file that has them under such names, whatever the numbers are.
 * @throws InputError where it has not
 */
export function readPairs(
  reader: SafetensorsReader,
  file: string,
  spec: AdapterSpec,
  arch: Architecture,
  prefix = "",
): readonly AdapterPair[] {
  const read = (name: string, shape: readonly number[]): Float32Array => {
    const entry = reader.entry(name);
    if (entry.shape.join() !== shape.join())
      throw new InputError({ expected: `shape [${shape.join(", ")}]`, at: name, got: entry.shape, file });
    return reader.readTensor(name);
  };
  const hasEach = isOfEachExpert(reader.tensors.map(({ name }) => name));
  return adapterSites(spec, arch).map((site) => {
    const { layer, projection, rank, experts, dora } = site;
    if (hasEach && experts > 1) return { layer, projection, ...readEachExpert(read, prefix, arch, site) };
    const { in: inFeatures, out } = projectionShape(arch, projection);
    if (site.tokens !== undefined)
      return { layer, projection, a: read(prefix + tokenRowsName, [rank, inFeatures]), b: new Float32Array(0) };
    const module = adapterPath(new Set(spec.targets), arch, layer, projection);
    const b = read(prefix + tensorName(module, "B"), [out, experts * rank]);
    return {
      layer,
      projection,
      a: read(prefix + tensorName(module, "A"), [experts * rank, inFeatures]),
      b: fromPeftB(arch, projection, b),
      ...(dora ? { magnitudes: read(prefix + magnitudesName(module), [out]) } : {}),
    };
  });
}

/** Rows of tokens by ascending ids. */
function inOrder(rows: Float32Array, tokens: readonly number[]): Float32Array {
  const size = rows.length / tokens.length;
  const sorted = new Float32Array(rows.length);
  for (const [to, id] of tokens.toSorted((a, b) => a - b).entries()) {
    const from = tokens.indexOf(id);
    sorted.set(rows.subarray(from * size, (from + 1) * size), to * size);
  }
  return sorted;
}

/** Reads the pairs of a PEFT folder that has to be the job's adapter. @throws InputError where it is not, or not finite */
export function readPeftFolder(folder: string, spec: AdapterSpec, arch: Architecture): readonly AdapterPair[] {
  const configFile = path.join(folder, CONFIG);
  if (!existsSync(configFile))
    throw new InputError({ expected: `a PEFT folder with ${CONFIG}`, file: folder, got: "no such file" });
  const tokens = checkPeftConfig(configFile, spec, arch);
  const file = path.join(folder, WEIGHTS);
  if (!existsSync(file))
    throw new InputError({ expected: `a PEFT folder with ${WEIGHTS}`, file: folder, got: "no such file" });
  const reader = readSafetensors(file);
  // PEFT writes the base's matrix of a head that has an adapter, too.
  const head = "base_model.model.lm_head.base_layer.weight";
  const known = new Set([head]);
  const headShape = [arch.vocabularySize, arch.hiddenSize];
  const wrong = reader.tensors.find(({ name, shape }) => name === head && shape.join() !== headShape.join());
  if (wrong !== undefined)
    throw new InputError({ expected: `shape [${headShape.join(", ")}]`, at: head, got: wrong.shape, file });
  const checked = {
    ...reader,
    readTensor(name: string): Float32Array {
      const values = reader.readTensor(name);
      checkFinite(name, values, file);
      known.add(name);
      return values;
    },
  };
  const pairs = readPairs(checked, file, spec, arch).map((pair) =>
    pair.projection === "embed_tokens" ? { ...pair, a: inOrder(pair.a, tokens) } : pair,
  );
  const other = reader.tensors.find(({ name }) => !known.has(name));
  if (other !== undefined)
    throw new InputError({ expected: "only tensors of the job's adapter", at: other.name, got: "another one", file });
  return pairs;
}
