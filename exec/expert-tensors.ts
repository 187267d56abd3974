// The matrices of experts, as checkpoints have them and as products take them: [experts, out, in], gate above up.
import type { Architecture, Experts } from "../plan/index.ts";

/** A tensor that a mixture reads. */
export interface ExpertTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** One matrix, or one vector, of each expert in the order of products. */
export interface ExpertPart {
  /** Of a checkpoint, in the order in which they lie behind each other. */
  readonly tensors: readonly ExpertTensor[];
  /** Brings what a checkpoint has so into the order of products. */
  arrange<Data extends Float32Array | Uint16Array>(data: Data): Data;
}

/** Tensors of a mixture by what they are; biases are there where the model has them. */
export interface MixtureParts {
  readonly router: ExpertTensor;
  readonly routerBias: ExpertTensor | undefined;
  readonly gateUp: ExpertPart;
  readonly gateUpBias: ExpertPart | undefined;
  readonly down: ExpertPart;
  readonly downBias: ExpertPart | undefined;
}

const LLAMA = { block: "mlp", router: "gate", gate: "gate_proj", up: "up_proj", down: "down_proj" };
const NAMES = {
  w1: { block: "block_sparse_moe", router: "gate", gate: "w1", up: "w3", down: "w2" },
  stacked: { ...LLAMA, router: "router" },
} as const;

/** The modules that experts' matrices are where each is one by itself. */
export function expertModules({ stored }: Experts): typeof LLAMA {
  return stored === undefined ? LLAMA : NAMES[stored];
}

/** Where in a row of `2 half` numbers that has gate and up in turns a number of both halves behind each other is. */
export function turn(index: number, half: number): number {
  return index < half ? 2 * index : 2 * (index - half) + 1;
}

function same<Data>(data: Data): Data {
  return data;
}

/** [experts, in, out] as [experts, out, in]; `turns`: the outs are gate and up in turns. */
function transposed<Data extends Float32Array | Uint16Array>(
  data: Data,
  experts: number,
  [inFeatures, out]: readonly [number, number],
  turns: boolean,
): Data {
  const result = data.slice() as Data;
  const size = inFeatures * out;
  for (let expert = 0; expert < experts; expert += 1)
    for (let row = 0; row < out; row += 1) {
      const column = turns ? turn(row, out / 2) : row;
      for (let i = 0; i < inFeatures; i += 1)
        result[expert * size + row * inFeatures + i] = data[expert * size + i * out + column]!;
    }
  return result;
}

function stackedParts({ hiddenSize: hidden }: Architecture, { count, intermediateSize: inner }: Experts, path: string) {
  const part = (name: string, inFeatures: number, out: number, turns: boolean): ExpertPart => ({
    tensors: [{ name: `${path}.${name}`, shape: [count, inFeatures, out] }],
    arrange: (data) => transposed(data, count, [inFeatures, out], turns),
  });
  const bias = (name: string, out: number, turns: boolean): ExpertPart => ({
    tensors: [{ name: `${path}.${name}`, shape: [count, out] }],
    // A matrix with one input.
    arrange: (data) => transposed(data, count, [1, out], turns),
  });
  return {
    gateUp: part("gate_up_proj", hidden, 2 * inner, true),
    gateUpBias: bias("gate_up_proj_bias", 2 * inner, true),
    down: part("down_proj", inner, hidden, false),
    downBias: bias("down_proj_bias", hidden, false),
  };
}

/** The tensors of a layer's mixture. */
export function mixtureParts(arch: Architecture, experts: Experts, layer: number): MixtureParts {
  const { hiddenSize: hidden } = arch;
  const { count, intermediateSize: inner, stored, bias, routerBias } = experts;
  const names = expertModules(experts);
  const block = `model.layers.${layer}.${names.block}`;
  const router = `${block}.${names.router}`;
  const routers = {
    router: { name: `${router}.weight`, shape: [count, hidden] },
    routerBias: routerBias === true ? { name: `${router}.bias`, shape: [count] } : undefined,
  };
  if (stored === "stacked") {
    const { gateUpBias, downBias, ...matrices } = stackedParts(arch, experts, `${block}.experts`);
    return {
      ...routers,
      ...matrices,
      gateUpBias: bias === true ? gateUpBias : undefined,
      downBias: bias === true ? downBias : undefined,
    };
  }
  const each = (parts: readonly (readonly [string, readonly number[]])[]): ExpertPart => ({
    tensors: Array.from({ length: count }, (_, expert) =>
      parts.map(([name, shape]) => ({ name: `${block}.experts.${expert}.${name}.weight`, shape })),
    ).flat(),
    arrange: same,
  });
  return {
    ...routers,
    gateUp: each([
      [names.gate, [inner, hidden]],
      [names.up, [inner, hidden]],
    ]),
    gateUpBias: undefined,
    down: each([[names.down, [hidden, inner]]]),
    downBias: undefined,
  };
}

/** All of them. */
export function* mixtureTensors(arch: Architecture, experts: Experts, layer: number): Generator<ExpertTensor> {
  const { router, routerBias, ...parts } = mixtureParts(arch, experts, layer);
  yield router;
  if (routerBias !== undefined) yield routerBias;
  for (const part of Object.values(parts)) yield* part?.tensors ?? [];
}
