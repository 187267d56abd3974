import type { Device, Handle } from "../native/index.ts";
import {
  computeDtype,
  type Dtype,
  type Experts,
  expertsOf,
  type Half,
  halfOf,
  layerProjections,
  loraGroup,
  type Projection,
  projectionPath,
  projectionShape,
  ropesOf,
  type Stage,
  type StageLayer,
  stageLayers,
} from "../plan/index.ts";
import { type ExpertPart, mixtureParts } from "./expert-tensors.ts";
import type { BaseModel } from "./model-folder.ts";
import { EMBEDDING, FINAL_NORM, hasBias, headName, headNormTensors, normNames, sinksTensor } from "./model-tensors.ts";
import { ropeTable } from "./rope-frequencies.ts";
import { type WeightLoader, weightLoader } from "./weight-loader.ts";

/** Of a half: vectors that its norms multiply by; undefined where it has no such norm. */
export interface NormWeights {
  readonly before: Handle | undefined;
  readonly after: Handle | undefined;
}

interface AttentionWeights extends NormWeights {
  /** q, k and v stacked: [(heads + 2 kvHeads) headDim, hidden]. */
  readonly qkv: Handle;
  readonly qkvBias: Handle | undefined;
  /** Of the norms of queries and keys; undefined where these multiply by nothing. */
  readonly heads: { readonly qWeight: Handle; readonly kWeight: Handle } | undefined;
  readonly output: Handle;
  readonly outputBias: Handle | undefined;
  readonly sinks: Handle | undefined;
}

/** What a mixture has beside the matrices of its experts. */
export interface MixtureWeights {
  /** [experts, hidden] */
  readonly router: Handle;
  readonly routerBias: Handle | undefined;
  /** Of each expert. */
  readonly gateUpBias: Handle | undefined;
  readonly downBias: Handle | undefined;
}

export interface MlpWeights extends NormWeights {
  /** gate and up stacked: [2 intermediate, hidden]; of each expert where there are any. */
  readonly gateUp: Handle;
  readonly down: Handle;
  readonly mixture: MixtureWeights | undefined;
}

/** Of the halves that the stage has. */
export interface LayerWeights {
  readonly attention: AttentionWeights | undefined;
  readonly mlp: MlpWeights | undefined;
}

/** The matrix in which a projection of a layer has its rows. */
export function matrixOf({ attention, mlp }: LayerWeights, projection: Projection): Handle {
  if (halfOf(projection) === "attention") return projection === "o_proj" ? attention!.output : attention!.qkv;
  return projection === "down_proj" ? mlp!.down : mlp!.gateUp;
}

/** Angles a position, of all sequences or of those that are not long. */
export interface RopeWeights {
  readonly frequencies: Handle;
  readonly long: { readonly frequencies: Handle; readonly longFrom: number } | undefined;
  readonly factor: number;
}

/** Handles of a stage's frozen weights on its device. */
export interface StageWeights {
  readonly embedding: Handle | undefined;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Handle | undefined;
  readonly head: Handle | undefined;
  readonly ropes: Readonly<Partial<Record<"own" | "window", RopeWeights>>>;
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

/** What a norm multiplies by. */
function readNorm({ weights, architecture: { normOffset } }: BaseModel, { name, shape }: NamedTensor): Float32Array {
  const values = weights.read(name, shape);
  return normOffset === true ? values.map((value) => 1 + value) : values;
}

/** What weights are loaded as, and the projections on which adapters may have magnitudes. */
export interface WeightForm {
  readonly dtype: Dtype;
  readonly dora?: readonly Projection[];
  /** Whether they may have rows of the embedding, whose gradient goes back through the first product. */
  readonly trainsEmbedding?: boolean;
  /** Without a backward, whose products need the weights packed another way; false when absent. */
  readonly isForwardOnly?: boolean;
}

async function loadLayer(
  loader: WeightLoader,
  model: BaseModel,
  { layer, halves }: StageLayer,
  { dtype, dora = [], isForwardOnly = false }: WeightForm,
  packBackward: boolean,
): Promise<LayerWeights> {
  const arch = model.architecture;
  const own = layerProjections(arch, layer);
  const experts = expertsOf(arch, layer);
  const tensorsOf = (projections: readonly Projection[], kind: "weight" | "bias"): readonly NamedTensor[] =>
    projections.map((projection) => {
      const { in: inFeatures, out } = projectionShape(arch, projection);
      const name = `${projectionPath(arch, layer, projection)}.${kind}`;
      return { name, shape: kind === "weight" ? [out, inFeatures] : [out] };
    });
  /** The matrices of a group below each other, as a checkpoint has them. */
  const stacked = (name: string, first: Projection, backward = !isForwardOnly): Promise<Handle> => {
    const projections = own.filter((projection) => loraGroup(first).includes(projection));
    const shapes = projections.map((projection) => projectionShape(arch, projection));
    return loader.loadMatrix({
      name: `layer ${layer} ${name}`,
      out: shapes.reduce((sum, shape) => sum + shape.out, 0),
      in: shapes[0]!.in,
      data: () => readWeights(model, tensorsOf(projections, "weight"), dtype),
      dtype,
      backward,
      forMagnitudes: projections.some((projection) => dora.includes(projection)),
    });
  };
  const bias = (name: string, first: Projection): Handle | undefined => {
    const projections = own.filter((projection) => loraGroup(first).includes(projection));
    if (!hasBias(arch, first)) return undefined;
    return loader.loadVector(`layer ${layer} ${name} bias`, () => readFloats(model, tensorsOf(projections, "bias")));
  };
  const vector = (tensors: readonly NamedTensor[], name: string): Handle =>
    loader.loadVector(name, () => readFloats(model, tensors));
  const norms = (half: Half): NormWeights => {
    const load = (name: string | undefined): Handle | undefined =>
      name === undefined
        ? undefined
        : loader.loadVector(name, () => readNorm(model, { name, shape: [arch.hiddenSize] }));
    const { before, after } = normNames(arch, layer, half);
    return { before: load(before), after: load(after) };
  };
  const heads = (): AttentionWeights["heads"] => {
    const tensors = headNormTensors(arch, layer);
    if (tensors.length === 0) return undefined;
    const [qWeight, kWeight] = tensors.map((tensor) => loader.loadVector(tensor.name, () => readNorm(model, tensor)));
    return { qWeight: qWeight!, kWeight: kWeight! };
  };
  const attention = async (): Promise<AttentionWeights> => ({
    ...norms("attention"),
    qkv: await stacked("qkv", "q_proj", packBackward && !isForwardOnly),
    qkvBias: bias("qkv", "q_proj"),
    heads: heads(),
    output: await stacked("o_proj", "o_proj"),
    outputBias: bias("o_proj", "o_proj"),
    sinks: arch.sinks === true ? vector([sinksTensor(arch, layer)], `layer ${layer} sinks`) : undefined,
  });
  const mlp = async (): Promise<MlpWeights> => ({
    ...norms("mlp"),
    gateUp: await stacked("gate and up", "gate_proj"),
    down: await stacked("down_proj", "down_proj"),
    mixture: undefined,
  });
  const mixture = async (own: Experts): Promise<MlpWeights> => {
    const { router, routerBias, gateUp, gateUpBias, down, downBias } = mixtureParts(arch, own, layer);
    const { hiddenSize: hidden } = arch;
    const { count, intermediateSize: inner } = own;
    const matrix = (name: string, part: ExpertPart, [inFeatures, out]: readonly [number, number]): Promise<Handle> =>
      loader.loadMatrix({
        ...{ name: `layer ${layer} ${name}`, out, in: inFeatures, experts: count, dtype, backward: !isForwardOnly },
        data: () => part.arrange(readWeights(model, part.tensors, dtype)),
      });
    const biases = (name: string, part: ExpertPart | undefined): Handle | undefined =>
      part && loader.loadVector(`layer ${layer} ${name} bias`, () => part.arrange(readFloats(model, part.tensors)));
    const compute = computeDtype(dtype);
    return {
      ...norms("mlp"),
      gateUp: await matrix("experts gate and up", gateUp, [hidden, 2 * inner]),
      down: await matrix("experts down", down, [inner, hidden]),
      mixture: {
        router: await loader.loadMatrix({
          ...{ name: `layer ${layer} router`, out: count, in: hidden, dtype: compute, backward: !isForwardOnly },
          data: () => readWeights(model, [router], compute),
        }),
        routerBias: routerBias && vector([routerBias], `layer ${layer} router bias`),
        gateUpBias: biases("experts gate and up", gateUpBias),
        downBias: biases("experts down", downBias),
      },
    };
  };
  return {
    attention: halves.includes("attention") ? await attention() : undefined,
    mlp: !halves.includes("mlp") ? undefined : experts === undefined ? await mlp() : await mixture(experts),
  };
}

/** Of each rope that a model has. */
function loadRopes(device: Device, arch: BaseModel["architecture"]): StageWeights["ropes"] {
  return Object.fromEntries(
    ropesOf(arch).map((rope): [string, RopeWeights] => {
      const { frequencies, long, factor } = ropeTable(arch, rope);
      return [
        rope,
        {
          frequencies: device.loadVector(frequencies),
          long: long && { ...long, frequencies: device.loadVector(long.frequencies) },
          factor,
        },
      ];
    }),
  );
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
  form: WeightForm,
): Promise<StageWeights> {
  const { hiddenSize, vocabularySize } = model.architecture;
  const compute = computeDtype(form.dtype);
  const table = (name: string) => (): Float32Array | Uint16Array =>
    readWeights(model, [{ name, shape: [vocabularySize, hiddenSize] }], compute);
  const loader = weightLoader(device);
  const layers: LayerWeights[] = [];
  for (const layer of stageLayers(stage))
    layers.push(
      await loadLayer(
        loader,
        model,
        layer,
        form,
        form.trainsEmbedding === true || !(stage.embedding && layers.length === 0),
      ),
    );
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
      ? loader.loadVector("final norm", () => readNorm(model, { name: FINAL_NORM, shape: [hiddenSize] }))
      : undefined,
    head: stage.head
      ? await loader.loadMatrix({
          name: "head",
          out: vocabularySize,
          in: hiddenSize,
          data: table(headName(model.architecture)),
          dtype: compute,
          backward: form.isForwardOnly !== true,
        })
      : undefined,
    ropes: loadRopes(device, model.architecture),
  };
}
