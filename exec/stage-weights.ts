import type { Device, Handle } from "../native/index.ts";
import { type Architecture, PROJECTIONS, type Projection, projectionShape, type Stage } from "../plan/index.ts";
import type { BaseModel } from "./model-folder.ts";
import { ropeFrequencies } from "./rope-frequencies.ts";

export interface LayerWeights {
  readonly inputNorm: Handle;
  /** q, k and v stacked: [(heads + 2 kvHeads) headDim, hidden]. */
  readonly qkv: Handle;
  readonly qkvBias: Handle | undefined;
  readonly output: Handle;
  readonly postNorm: Handle;
  /** gate and up stacked: [2 intermediate, hidden]. */
  readonly gateUp: Handle;
  readonly down: Handle;
}

/** Handles of a stage's frozen weights on its device. */
export interface StageWeights {
  readonly embedding: Handle | undefined;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Handle | undefined;
  readonly head: Handle | undefined;
  readonly frequencies: Handle;
}

/** Where the weights of a layer's projection lie in a checkpoint. */
export function projectionPath(layer: number, projection: Projection): string {
  const block = PROJECTIONS.indexOf(projection) < 4 ? "self_attn" : "mlp";
  return `model.layers.${layer}.${block}.${projection}`;
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function loadLayer(device: Device, model: BaseModel, layer: number, packBackward: boolean): LayerWeights {
  const arch = model.architecture;
  const weight = (projection: Projection): Float32Array => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    return model.weights.read(`${projectionPath(layer, projection)}.weight`, [out, inFeatures]);
  };
  const stacked = (name: string, projections: readonly Projection[], backward = true): Handle => {
    const shapes = projections.map((projection) => projectionShape(arch, projection));
    const out = shapes.reduce((sum, shape) => sum + shape.out, 0);
    return device.loadMatrix({
      name: `layer ${layer} ${name}`,
      out,
      in: shapes[0]!.in,
      data: concatenate(projections.map(weight)),
      backward,
    });
  };
  const bias = (projection: Projection): Float32Array =>
    model.weights.read(`${projectionPath(layer, projection)}.bias`, [projectionShape(arch, projection).out]);
  const norm = (name: string): Handle =>
    device.loadVector(model.weights.read(`model.layers.${layer}.${name}.weight`, [arch.hiddenSize]));
  return {
    inputNorm: norm("input_layernorm"),
    qkv: stacked("qkv", ["q_proj", "k_proj", "v_proj"], packBackward),
    qkvBias: arch.qkvBias
      ? device.loadVector(concatenate([bias("q_proj"), bias("k_proj"), bias("v_proj")]))
      : undefined,
    output: stacked("o_proj", ["o_proj"]),
    postNorm: norm("post_attention_layernorm"),
    gateUp: stacked("gate and up", ["gate_proj", "up_proj"]),
    down: stacked("down_proj", ["down_proj"]),
  };
}

function headName(arch: Architecture): string {
  return arch.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight";
}

/** Reads and packs a stage's weights; one tensor at a time is in JavaScript's memory. @throws InputError, DeviceError */
export function loadStageWeights(device: Device, model: BaseModel, stage: Stage): StageWeights {
  const { hiddenSize, vocabularySize } = model.architecture;
  const table = (name: string): Float32Array => model.weights.read(name, [vocabularySize, hiddenSize]);
  const layers: LayerWeights[] = [];
  for (let layer = stage.firstLayer; layer < stage.endLayer; layer += 1) {
    layers.push(loadLayer(device, model, layer, !(stage.embedding && layer === stage.firstLayer)));
  }
  return {
    embedding: stage.embedding
      ? device.loadTable({ rows: vocabularySize, columns: hiddenSize, data: table("model.embed_tokens.weight") })
      : undefined,
    layers,
    finalNorm: stage.head ? device.loadVector(model.weights.read("model.norm.weight", [hiddenSize])) : undefined,
    head: stage.head
      ? device.loadMatrix({
          name: "head",
          out: vocabularySize,
          in: hiddenSize,
          data: table(headName(model.architecture)),
          backward: true,
        })
      : undefined,
    frequencies: device.loadVector(ropeFrequencies(model.architecture)),
  };
}
