import type { Device, Handle } from "../native/index.ts";
import {
  computeDtype,
  type Dtype,
  type Projection,
  projectionShape,
  type Stage,
  type StageLayer,
  stageLayers,
} from "../plan/index.ts";
import type { BaseModel } from "./model-folder.ts";
import { EMBEDDING, headName } from "./model-tensors.ts";
import { projectionPath } from "./projection-path.ts";
import { ropeFrequencies } from "./rope-frequencies.ts";
import { type WeightLoader, weightLoader } from "./weight-loader.ts";

interface AttentionWeights {
  readonly norm: Handle;
  /** q, k and v stacked: [(heads + 2 kvHeads) headDim, hidden]. */
  readonly qkv: Handle;
  readonly qkvBias: Handle | undefined;
  readonly output: Handle;
}

interface MlpWeights {
  readonly norm: Handle;
  /** gate and up stacked: [2 intermediate, hidden]. */
  readonly gateUp: Handle;
  readonly down: Handle;
}

/** Of the halves that the stage has. */
export interface LayerWeights {
  readonly attention: AttentionWeights | undefined;
  readonly mlp: MlpWeights | undefined;
}

/** Handles of a stage's frozen weights on its device. */
export interface StageWeights {
  readonly embedding: Handle | undefined;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Handle | undefined;
  readonly head: Handle | undefined;
  readonly frequencies: Handle;
}

interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Parts below each other. */
function stack<Data extends Float32Array | Uint16Array>(parts: readonly Data[], make: (length: number) => Data): Data {
  if (parts.length === 1) return parts[0]!;
  const whole = make(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function readFloats({ weights }: BaseModel, tensors: readonly NamedTensor[]): Float32Array {
  return stack(
    tensors.map(({ name, shape }) => weights.read(name, shape)),
    (length) => new Float32Array(length),
  );
}

/** The stored bits where all tensors are bfloat16 and the device keeps them so or quantizes them, else floats. */
function readWeights(model: BaseModel, tensors: readonly NamedTensor[], dtype: Dtype): Float32Array | Uint16Array {
  const bits: Uint16Array[] = [];
  for (const { name, shape } of dtype === "float32" ? [] : tensors) {
    const stored = model.weights.readBfloat16(name, shape);
    if (stored === undefined) break;
    bits.push(stored);
  }
  return bits.length === tensors.length ? stack(bits, (length) => new Uint16Array(length)) : readFloats(model, tensors);
}

async function loadLayer(
  loader: WeightLoader,
  model: BaseModel,
  { layer, halves }: StageLayer,
  dtype: Dtype,
  packBackward: boolean,
): Promise<LayerWeights> {
  const arch = model.architecture;
  const stacked = (name: string, projections: readonly Projection[], backward = true): Promise<Handle> => {
    const shapes = projections.map((projection) => projectionShape(arch, projection));
    const tensors = projections.map((projection, i) => ({
      name: `${projectionPath(layer, projection)}.weight`,
      shape: [shapes[i]!.out, shapes[i]!.in],
    }));
    return loader.loadMatrix({
      name: `layer ${layer} ${name}`,
      out: shapes.reduce((sum, shape) => sum + shape.out, 0),
      in: shapes[0]!.in,
      data: () => readWeights(model, tensors, dtype),
      dtype,
      backward,
    });
  };
  const biases = (projections: readonly Projection[]): readonly NamedTensor[] =>
    projections.map((projection) => ({
      name: `${projectionPath(layer, projection)}.bias`,
      shape: [projectionShape(arch, projection).out],
    }));
  const norm = (name: string): Handle => {
    const path = `model.layers.${layer}.${name}.weight`;
    return loader.loadVector(path, () => model.weights.read(path, [arch.hiddenSize]));
  };
  const attention = async (): Promise<AttentionWeights> => ({
    norm: norm("input_layernorm"),
    qkv: await stacked("qkv", ["q_proj", "k_proj", "v_proj"], packBackward),
    qkvBias: arch.qkvBias
      ? loader.loadVector(`layer ${layer} qkv bias`, () => readFloats(model, biases(["q_proj", "k_proj", "v_proj"])))
      : undefined,
    output: await stacked("o_proj", ["o_proj"]),
  });
  const mlp = async (): Promise<MlpWeights> => ({
    norm: norm("post_attention_layernorm"),
    gateUp: await stacked("gate and up", ["gate_proj", "up_proj"]),
    down: await stacked("down_proj", ["down_proj"]),
  });
  return {
    attention: halves.includes("attention") ? await attention() : undefined,
    mlp: halves.includes("mlp") ? await mlp() : undefined,
  };
}

/**
 * Reads and packs a stage's weights; one tensor at a time is in JavaScript's memory, and while it is packed other
 * stages can read theirs. int8 and nf4 are for the layers' products: embedding, norms, biases and head stay as they are
 * multiplied.
 * @throws InputError, DeviceError
 */
export async function loadStageWeights(
  device: Device,
  model: BaseModel,
  stage: Stage,
  dtype: Dtype,
): Promise<StageWeights> {
  const { hiddenSize, vocabularySize } = model.architecture;
  const compute = computeDtype(dtype);
  const table = (name: string) => (): Float32Array | Uint16Array =>
    readWeights(model, [{ name, shape: [vocabularySize, hiddenSize] }], compute);
  const loader = weightLoader(device);
  const layers: LayerWeights[] = [];
  for (const layer of stageLayers(stage))
    layers.push(await loadLayer(loader, model, layer, dtype, !(stage.embedding && layers.length === 0)));
  return {
    embedding: stage.embedding
      ? loader.loadTable("embedding", {
          rows: vocabularySize,
          columns: hiddenSize,
          data: table(EMBEDDING),
          dtype: compute,
        })
      : undefined,
    layers,
    finalNorm: stage.head
      ? loader.loadVector("final norm", () => model.weights.read("model.norm.weight", [hiddenSize]))
      : undefined,
    head: stage.head
      ? await loader.loadMatrix({
          name: "head",
          out: vocabularySize,
          in: hiddenSize,
          data: table(headName(model.architecture)),
          dtype: compute,
          backward: true,
        })
      : undefined,
    frequencies: device.loadVector(ropeFrequencies(model.architecture)),
  };
}
