import type { Row } from "../../datasets/index.ts";
import type { AdapterPair } from "../../exec/index.ts";
import type { WeightSource } from "../../exec/model-folder.ts";
import type { Architecture } from "../../plan/documents/architecture.ts";
import { halfOf, loraGroup, type Projection, projectionShape } from "../../plan/documents/projections.ts";

type Matrix = readonly Float64Array[];

/** y = x W^T for W [out, in] in row-major order. */
function product(x: Matrix, w: ArrayLike<number>, out: number): Matrix {
  return x.map((row) =>
    Float64Array.from({ length: out }, (_, o) => {
      let sum = 0;
      for (let i = 0; i < row.length; i += 1) sum += row[i]! * w[o * row.length + i]!;
      return sum;
    }),
  );
}

const plus = (a: Matrix, b: Matrix, scale = 1): Matrix =>
  a.map((row, t) => row.map((value, i) => value + scale * b[t]![i]!));

export interface ReferenceAdapter {
  readonly scale: number;
  readonly pairs: readonly AdapterPair[];
  readonly tokens?: readonly number[] | undefined;
}

/** Angles a position of each pair of a head, by Hugging Face's formulas. */
function angles({ headDim, ropeTheta, ropeScaling: scaling }: Architecture): readonly number[] {
  return Array.from({ length: headDim / 2 }, (_, i) => {
    const plain = ropeTheta ** ((-2 * i) / headDim);
    if (scaling === undefined) return plain;
    if (scaling.type === "linear") return plain / scaling.factor;
    if (scaling.type !== "llama3") throw new Error(`no reference of ${scaling.type}`);
    const turns = (scaling.originalMaxPositions * plain) / (2 * Math.PI);
    if (turns > scaling.highFreqFactor) return plain;
    if (turns < scaling.lowFreqFactor) return plain / scaling.factor;
    const share = (turns - scaling.lowFreqFactor) / (scaling.highFreqFactor - scaling.lowFreqFactor);
    return plain * (share + (1 - share) / scaling.factor);
  });
}

/** Sum of the token losses of one row: a Llama-family decoder in plain float64, nothing shared with the executor. */
export function referenceLoss(
  arch: Architecture,
  weights: WeightSource,
  adapter: ReferenceAdapter,
  { inputIds, labels }: Row,
): number {
  const { hiddenSize, headDim, numHeads, numKvHeads, rmsNormEps, vocabularySize } = arch;
  const norm = (x: Matrix, name: string): Matrix => {
    const w = weights.read(name, [hiddenSize]);
    return x.map((row) => {
      const square = row.reduce((sum, value) => sum + value * value, 0) / row.length;
      return row.map((value, i) => (w[i]! * value) / Math.sqrt(square + rmsNormEps));
    });
  };
  const linear = (x: Matrix, layer: number, projection: Projection): Matrix => {
    const { in: inFeatures, out } = projectionShape(arch, projection);
    const name = `model.layers.${layer}.${halfOf(projection) === "attention" ? "self_attn" : "mlp"}.${projection}`;
    let y = product(x, weights.read(`${name}.weight`, [out, inFeatures]), out);
    if (arch.qkvBias && loraGroup("q_proj").includes(projection)) {
      const bias = weights.read(`${name}.bias`, [out]);
      y = y.map((row) => row.map((value, i) => value + bias[i]!));
    }
    const pair = adapter.pairs.find((one) => one.layer === layer && one.projection === projection);
    if (pair === undefined) return y;
    return plus(y, product(product(x, pair.a, pair.a.length / inFeatures), pair.b, out), adapter.scale);
  };
  const frequencies = angles(arch);
  const rotate = (x: Matrix): Matrix =>
    x.map((row, t) =>
      row.map((value, column) => {
        const i = column % headDim;
        const half = headDim / 2;
        const angle = t * frequencies[i % half]!;
        const partner = i < half ? -row[column + half]! : row[column - half]!;
        return value * Math.cos(angle) + partner * Math.sin(angle);
      }),
    );
  const attend = (q: Matrix, k: Matrix, v: Matrix): Matrix =>
    q.map((row, t) => {
      const out = new Float64Array(numHeads * headDim);
      for (let head = 0; head < numHeads; head += 1) {
        const kv = Math.floor(head / (numHeads / numKvHeads)) * headDim;
        const scores = Array.from({ length: t + 1 }, (_, s) => {
          let sum = 0;
          for (let d = 0; d < headDim; d += 1) sum += row[head * headDim + d]! * k[s]![kv + d]!;
          return sum / Math.sqrt(headDim);
        });
        const most = Math.max(...scores);
        const powers = scores.map((score) => Math.exp(score - most));
        const total = powers.reduce((sum, value) => sum + value, 0);
        powers.forEach((power, s) => {
          for (let d = 0; d < headDim; d += 1) out[head * headDim + d]! += (power / total) * v[s]![kv + d]!;
        });
      }
      return out;
    });
  const embedding = Float64Array.from(weights.read("model.embed_tokens.weight", [vocabularySize, hiddenSize]));
  const rows = adapter.pairs.find(({ projection }) => projection === "embed_tokens");
  adapter.tokens?.forEach((token, j) => {
    embedding.set(rows!.a.subarray(j * hiddenSize, (j + 1) * hiddenSize), token * hiddenSize);
  });
  let x: Matrix = Array.from(inputIds, (id) =>
    Float64Array.from(embedding.subarray(id * hiddenSize, (id + 1) * hiddenSize)),
  );
  for (let layer = 0; layer < arch.numLayers; layer += 1) {
    const h = norm(x, `model.layers.${layer}.input_layernorm.weight`);
    const [q, k, v] = [linear(h, layer, "q_proj"), linear(h, layer, "k_proj"), linear(h, layer, "v_proj")];
    x = plus(x, linear(attend(rotate(q), rotate(k), v), layer, "o_proj"));
    const m = norm(x, `model.layers.${layer}.post_attention_layernorm.weight`);
    const [gate, up] = [linear(m, layer, "gate_proj"), linear(m, layer, "up_proj")];
    const inner = gate.map((row, t) => row.map((value, i) => (value / (1 + Math.exp(-value))) * up[t]![i]!));
    x = plus(x, linear(inner, layer, "down_proj"));
  }
  const head = arch.tiedEmbeddings ? embedding : weights.read("lm_head.weight", [vocabularySize, hiddenSize]);
  const logits = product(norm(x, "model.norm.weight"), head, vocabularySize);
  let loss = 0;
  for (let t = 0; t + 1 < inputIds.length; t += 1) {
    const label = labels[t + 1]!;
    if (label < 0) continue;
    const row = logits[t]!;
    const most = Math.max(...row);
    loss += most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0)) - row[label]!;
  }
  return loss;
}

/** The norm of the loss's gradient over an adapter, by central differences of one mini-batch. */
export function referenceGradNorm(
  lossOf: (pairs: readonly AdapterPair[]) => number,
  pairs: readonly AdapterPair[],
): number {
  const step = 1e-3;
  let squares = 0;
  pairs.forEach((pair, index) => {
    for (const matrix of ["a", "b"] as const) {
      for (let i = 0; i < pair[matrix].length; i += 1) {
        const moved = (by: number): number => {
          const values = Float64Array.from(pair[matrix]);
          values[i]! += by;
          return lossOf(pairs.map((one, k) => (k === index ? { ...one, [matrix]: values } : one)));
        };
        squares += ((moved(step) - moved(-step)) / (2 * step)) ** 2;
      }
    }
  });
  return Math.sqrt(squares);
}
