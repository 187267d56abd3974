import { InputError } from "../core/index.ts";
import type { TensorEntry } from "../datasets/index.ts";
import { type Architecture, PROJECTIONS, projectionShape } from "../plan/index.ts";
import { projectionPath } from "./projection-path.ts";

/** A tensor that the decoder reads. */
export interface WantedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Every tensor that a model of this architecture is made of, by its name in a checkpoint. */
export function* modelTensors(arch: Architecture): Generator<WantedTensor> {
  const { hiddenSize, vocabularySize, numLayers, qkvBias, tiedEmbeddings } = arch;
  yield { name: "model.embed_tokens.weight", shape: [vocabularySize, hiddenSize] };
  for (let layer = 0; layer < numLayers; layer += 1) {
    for (const norm of ["input_layernorm", "post_attention_layernorm"])
      yield { name: `model.layers.${layer}.${norm}.weight`, shape: [hiddenSize] };
    for (const projection of PROJECTIONS) {
      const { in: inFeatures, out } = projectionShape(arch, projection);
      const path = projectionPath(layer, projection);
      yield { name: `${path}.weight`, shape: [out, inFeatures] };
      if (qkvBias && /[qkv]_proj$/.test(projection)) yield { name: `${path}.bias`, shape: [out] };
    }
  }
  yield { name: "model.norm.weight", shape: [hiddenSize] };
  if (!tiedEmbeddings) yield { name: "lm_head.weight", shape: [vocabularySize, hiddenSize] };
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
    hint: "A model with more than its config.json says would be trained without that. Llama-family decoders are supported.",
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
