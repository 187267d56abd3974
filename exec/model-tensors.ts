import { InputError } from "../core/index.ts";
import type { TensorEntry } from "../datasets/index.ts";
import {
  type Architecture,
  expertsOf,
  type Half,
  halfOf,
  isOfMixture,
  layerProjections,
  loraGroup,
  type Projection,
  projectionPath,
  projectionShape,
  type Stage,
  stageLayers,
} from "../plan/index.ts";
import { mixtureTensors } from "./expert-tensors.ts";

export const EMBEDDING = "model.embed_tokens.weight";
export const FINAL_NORM = "model.norm.weight";

/** A tensor that the decoder reads. */
export interface WantedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** A half's norms by their names in a checkpoint: before it and behind it, undefined where there is none. */
export function normNames(
  { norms, layerNames = {} }: Architecture,
  layer: number,
  half: Half,
): { readonly before: string | undefined; readonly after: string | undefined } {
  const path = (name: string): string => `model.layers.${layer}.${name}.weight`;
  const { attentionNorm = "input_layernorm", mlpNorm = "post_attention_layernorm" } = layerNames;
  const { attentionOutNorm = "", mlpOutNorm = "" } = layerNames;
  const [before, after] = half === "attention" ? [attentionNorm, attentionOutNorm] : [mlpNorm, mlpOutNorm];
  return {
    before: norms === "after" ? undefined : path(before),
    after: norms === undefined ? undefined : path(after),
  };
}

/** The norms of queries and keys. */
export function headNormTensors(arch: Architecture, layer: number): readonly WantedTensor[] {
  const { headNorm, headDim, numHeads, numKvHeads } = arch;
  if (headNorm?.weighted !== true) return [];
  const shape = (heads: number): readonly number[] => [headNorm.over === "row" ? heads * headDim : headDim];
  const path = (name: string): string => `model.layers.${layer}.self_attn.${name}.weight`;
  return [
    { name: path("q_norm"), shape: shape(numHeads) },
    { name: path("k_norm"), shape: shape(numKvHeads) },
  ];
}

/** One more score of each head. */
export function sinksTensor({ numHeads }: Architecture, layer: number): WantedTensor {
  return { name: `model.layers.${layer}.self_attn.sinks`, shape: [numHeads] };
}

/** Whether a projection has a bias. */
export function hasBias({ qkvBias, outputBias }: Architecture, projection: Projection): boolean {
  return projection === "o_proj" ? outputBias === true : qkvBias && loraGroup("q_proj").includes(projection);
}

function* layerTensors(arch: Architecture, layer: number, half: Half): Generator<WantedTensor> {
  for (const name of Object.values(normNames(arch, layer, half)))
    if (name !== undefined) yield { name, shape: [arch.hiddenSize] };
  if (half === "attention") {
    yield* headNormTensors(arch, layer);
    if (arch.sinks === true) yield sinksTensor(arch, layer);
  }
  const experts = expertsOf(arch, layer);
  if (half === "mlp" && experts !== undefined) yield* mixtureTensors(arch, experts, layer);
  for (const projection of layerProjections(arch, layer)) {
    if (halfOf(projection) !== half || isOfMixture(projection)) continue;
    const { in: inFeatures, out } = projectionShape(arch, projection);
    const path = projectionPath(arch, layer, projection);
    yield { name: `${path}.weight`, shape: [out, inFeatures] };
    if (hasBias(arch, projection)) yield { name: `${path}.bias`, shape: [out] };
  }
}

/** The matrix from the last layer to the vocabulary. */
export function headName({ tiedEmbeddings }: Architecture): string {
  return tiedEmbeddings ? EMBEDDING : "lm_head.weight";
}

/** Every tensor that a stage loads, by its name in a checkpoint; a head that is tied to the embedding is its tensor. */
export function* stageTensors(arch: Architecture, stage: Stage): Generator<WantedTensor> {
  const { hiddenSize, vocabularySize } = arch;
  const table = [vocabularySize, hiddenSize];
  if (stage.embedding) yield { name: EMBEDDING, shape: table };
  for (const { layer, halves } of stageLayers(stage)) for (const half of halves) yield* layerTensors(arch, layer, half);
  if (!stage.head) return;
  yield { name: FINAL_NORM, shape: [hiddenSize] };
  if (!(stage.embedding && arch.tiedEmbeddings)) yield { name: headName(arch), shape: table };
}

/** Every tensor that a model of this architecture is made of. */
export function modelTensors(arch: Architecture): Generator<WantedTensor> {
  const whole = { index: 0, device: 0, firstLayer: 0, endLayer: arch.numLayers, recomputedLayers: 0 };
  return stageTensors(arch, { ...whole, embedding: true, head: true });
}

/** Tensors that checkpoints have and that follow from the rest: rotary frequencies, masks, and a head that is tied. */
const DERIVED = [/(?:^|\.)rotary_emb\.inv_freq$/, /\.(?:attn|self_attn)\.(?:bias|masked_bias)$/];

const NORMS = /\.(?:q_norm|k_norm|q_layernorm|k_layernorm)\./;
const LAYER = /^model\.layers\.(\d+)\./;

function unused({ name }: TensorEntry, { numLayers }: Architecture): InputError {
  const layer = LAYER.exec(name)?.[1];
  if (layer !== undefined && Number(layer) >= numLayers)
    return new InputError({
      expected: `a checkpoint of ${numLayers} layers, as num_hidden_layers says,`,
      at: name,
      got: `layer ${layer}`,
    });
  if (NORMS.test(name))
    return new InputError({ expected: "attention without norms of queries and keys", at: name, got: "such a norm" });
  return new InputError({
    expected: "only tensors that the decoder reads",
    at: name,
    got: "another one",
    hint: "A model with more than its config.json says would be trained without that.",
  });
}

/**
 * What a checkpoint has is what the decoder reads, tensor by tensor.
 * @throws InputError for one that is missing or of another shape, and for one that would be passed over
 */
export function checkTensors(tensors: readonly TensorEntry[], architecture: Architecture): void {
  const left = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape } of modelTensors(architecture)) {
    const found = left.get(name);
    if (found === undefined) throw new InputError({ expected: `tensor ${name}`, got: "no such tensor" });
    if (found.shape.join() !== shape.join())
      throw new InputError({
        expected: `shape [${shape.join(", ")}]`,
        at: name,
        got: found.shape,
        hint: "The weights do not belong to this config.json.",
      });
    left.delete(name);
  }
  if (architecture.tiedEmbeddings) left.delete("lm_head.weight");
  for (const tensor of left.values())
    if (!DERIVED.some((pattern) => pattern.test(tensor.name))) throw unused(tensor, architecture);
}
