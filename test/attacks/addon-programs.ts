// Every operator of a CPU device as a program that is right, for attacks on its fields.
import type { RawOperator } from "../../native/raw-addon.ts";
import { bindings, type Victim } from "./addon-victim.ts";

const at = (offset: number, space = "work"): { readonly space: string; readonly offset: number } => ({ space, offset });
const HEADS = { qColumn: 0, kColumn: 8, vColumn: 12, heads: 2, kvHeads: 1, headDim: 4 };
/** Of a norm into the residual stream; of norms of heads. */
const NORMED = { y: at(256), residual: at(256), rstd: at(512), eps: 1e-5 };
const PER_HEAD = { whole: false, eps: 1e-5 };
const PROJECTION = { target: 3, outFeatures: 6, column: 0, s: at(2048), lds: 4 };

export interface AttackedProgram {
  readonly operator: RawOperator;
  readonly bindings: Readonly<Record<string, unknown>>;
}

/** Over 2 rows, with weights of the victim's and more that are loaded here. */
export function attackedPrograms({ addon, device, matrix, adapter }: Victim): readonly AttackedProgram[] {
  const table = addon.loadTable(device, 5, 4, new Float32Array(20), "float32", "");
  const vector = addon.loadVector(device, new Float32Array(4).fill(1), "");
  const frequencies = addon.loadVector(device, Float32Array.of(1, 0.5), "");
  const oneFrequency = addon.loadVector(device, Float32Array.of(1), "");
  const longFrequencies = addon.loadVector(device, Float32Array.of(0.25), "");
  const queries = addon.loadVector(device, new Float32Array(8).fill(1), "");
  const sinks = addon.loadVector(device, Float32Array.of(0.5, -1), "");
  const ids = { ids: Int32Array.of(0, 4) };
  const targets = { targets: Int32Array.of(-1, 5), segments: Float64Array.of(adapter, 0, 2, 1, 0, 1, 2) };
  const segments = { segments: Float64Array.of(adapter, 0, 2, 1, 0.5, 1, 2), rowKeys: Int32Array.of(0, 1) };
  const projections = [PROJECTION];
  const withMagnitudes = addon.createAdapter(device, Float64Array.of(3, 2, 4, 6, 1, 1, matrix, 0), false);
  const magnitudes = { segments: Float64Array.of(withMagnitudes, 0, 2, 1, 0, 1, 2) };
  const biases = addon.loadVector(device, new Float32Array(6).fill(1), "");
  const part = { target: 3, outFeatures: 6, column: 0 };
  const scaled = { ...part, u: at(1024), ldu: 6 };
  const list: readonly (readonly [Record<string, unknown>, Record<string, unknown>?])[] = [
    [{ op: "embed", table, out: at(0), hidden: 4 }, ids],
    [{ op: "copy", columns: 4, x: at(0), from: "float32", y: at(256), to: "bfloat16" }],
    [{ op: "rmsnorm", hidden: 4, x: at(0), weight: vector, y: at(256), rstd: at(512), eps: 1e-5 }],
    [{ op: "rmsnormBackward", hidden: 4, dy: at(0), x: at(64), rstd: at(128), weight: vector, dx: at(256) }],
    [{ op: "rope", column: 0, heads: 2, headDim: 4, x: at(0), ld: 8, frequencies, inverse: false }],
    [{ op: "swiglu", intermediate: 4, gateUp: at(0), ld: 8, out: at(256), ldo: 4 }],
    [{ op: "swigluBackward", intermediate: 4, gateUp: at(0), ld: 8, dout: at(64), lddo: 4, dgateUp: at(256), ldd: 8 }],
    [{ op: "matmul", weight: matrix, x: at(0), ldx: 4, y: at(256), ldy: 6, residual: at(512), ldr: 6 }],
    [{ op: "matmulBackward", weight: matrix, dy: at(0), lddy: 6, dx: at(256), lddx: 4 }],
    [
      { op: "headLoss", hidden: 4, vocabulary: 6, tileRows: 2, x: at(0), weight: matrix, dx: at(64), logits: at(512) },
      targets,
    ],
    [{ op: "attention", ...HEADS, qkv: at(0), ld: 16, out: at(128), ldo: 8, lse: at(192), scratch: at(256) }],
    [
      {
        ...{ op: "attentionBackward", ...HEADS, qkv: at(0), ld: 16, out: at(128), ldo: 8, dout: at(192), lddo: 8 },
        ...{ lse: at(256), dqkv: at(320), ldd: 16, scratch: at(512) },
      },
    ],
    [{ op: "lora", projections, x: at(0), ldx: 4, inFeatures: 4, y: at(256), ldy: 6 }, segments],
    [
      {
        ...{ op: "loraBackward", projections, dy: at(0), lddy: 6, x: at(64), ldx: 4, inFeatures: 4 },
        ...{ dx: at(256), lddx: 4, scratch: at(512) },
      },
      segments,
    ],
    [{ op: "magnitude", ...scaled, y: at(0), ldy: 6, bias: biases, residual: at(512), ldr: 6 }, magnitudes],
    [{ op: "magnitude", ...scaled, dtype: "bfloat16", y: at(0), yType: "float32", ldy: 6 }, magnitudes],
    [{ op: "magnitudeBackward", ...scaled, dy: at(0), lddy: 6 }, magnitudes],
    [{ op: "magnitudeBackward", ...part, dy: at(0), lddy: 6, y: at(512), ldy: 6 }, magnitudes],
    [{ op: "embed", table, out: at(0), hidden: 4, scale: 5.5 }, ids],
    [{ op: "copy", columns: 4, x: at(0), from: "bfloat16", y: at(256), scale: 0.25, residual: at(256) }],
    [{ op: "rmsnorm", dtype: "bfloat16", hidden: 4, x: at(0), xType: "bfloat16", weight: vector, ...NORMED }],
    [
      {
        ...{ op: "rmsnormBackward", dtype: "bfloat16", hidden: 4, dy: at(0), x: at(64), xType: "bfloat16" },
        ...{ rstd: at(128), weight: vector, dx: at(256), dxCompute: at(320) },
      },
    ],
    [{ op: "headNorm", ...HEADS, x: at(0), y: at(256), ld: 16, qWeight: vector, kWeight: vector, ...PER_HEAD }],
    [{ op: "headNorm", ...HEADS, x: at(0), y: at(256), ld: 16, qWeight: queries, whole: true, eps: 1e-5 }],
    [{ op: "headNormBackward", ...HEADS, dy: at(0), x: at(256), dx: at(0), ld: 16, ...PER_HEAD }],
    [
      {
        ...{ op: "rope", column: 0, heads: 2, headDim: 4, x: at(0), ld: 8, frequencies: oneFrequency },
        ...{ longFrequencies, longFrom: 1, pairs: true, factor: 1.25, inverse: false },
      },
    ],
    [{ op: "temperature", x: at(0), ld: 8, column: 4, columns: 4, scale: 0.1, floor: 2 }],
    [{ op: "swiglu", activation: "gelu", intermediate: 4, gateUp: at(0), ld: 8, out: at(256), ldo: 4 }],
    [
      {
        ...{ op: "swigluBackward", activation: "gelu", intermediate: 4, gateUp: at(0), ld: 8 },
        ...{ dout: at(64), lddo: 4, dgateUp: at(256), ldd: 8 },
      },
    ],
    [
      {
        ...{ op: "headLoss", hidden: 4, vocabulary: 6, tileRows: 2, x: at(0), weight: matrix, dx: at(64) },
        ...{ logits: at(512), scale: 0.125, softcap: 30 },
      },
      targets,
    ],
    [
      {
        ...{ op: "attention", ...HEADS, qkv: at(0), ld: 16, out: at(128), ldo: 8, lse: at(192), scratch: at(256) },
        ...{ scale: 0.3, softcap: 50, window: 1, sinks },
      },
    ],
    [
      {
        ...{ op: "attentionBackward", ...HEADS, qkv: at(0), ld: 16, out: at(128), ldo: 8, dout: at(192), lddo: 8 },
        ...{ lse: at(256), dqkv: at(320), ldd: 16, scratch: at(512), scale: 0.3, softcap: 50, chunk: 1 },
      },
    ],
    [
      {
        ...{ op: "swiglu", activation: "clamped", alpha: 1.7, limit: 7, perRow: 2, intermediate: 4, gateUp: at(0) },
        ...{ ld: 8, out: at(256), ldo: 4 },
      },
    ],
    [
      {
        ...{ op: "route", experts: 3, perRow: 2, logits: at(0), normalized: true, chosen: at(64), weights: at(128) },
        ...{ order: at(192), places: at(256), starts: at(320) },
      },
    ],
    // Of what a fresh arena has: every pair at place 0.
    [
      {
        ...{ op: "routeBackward", experts: 3, perRow: 2, dweights: at(0), logits: at(64), normalized: false },
        ...{ chosen: at(128), weights: at(192), dlogits: at(256) },
      },
    ],
    [{ op: "gatherRows", perRow: 2, order: at(8192), x: at(0), y: at(256), columns: 4 }],
    [{ op: "combine", perRow: 2, places: at(8192), x: at(0), y: at(256), residual: at(512), columns: 4 }],
    [
      {
        ...{ op: "cachedAttention", ...HEADS, qkv: at(0), ld: 16, cache: at(0, "stash"), ldc: 8 },
        ...{ out: at(128), ldo: 8, scratch: at(8192), sinks },
      },
      { caches: Float64Array.of(0, 0, 2) },
    ],
    [
      {
        ...{ op: "headLogits", hidden: 4, vocabulary: 6, x: at(0), weight: matrix, logits: at(512), mostRows: 2 },
        ...{ target: 3, lds: 4, softcap: 30 },
      },
      { logitRows: Int32Array.of(0, 1), segments: Float64Array.of(adapter, 0, 2, 1, 0, 1, 2) },
    ],
  ];
  return list.map(([operator, given = {}]) => ({ operator: operator as RawOperator, bindings: given }));
}

/** Those with the fields of Llama alone come first. */
export function attackedProgram(victim: Victim, op: string): AttackedProgram {
  return attackedPrograms(victim).find(({ operator }) => operator["op"] === op)!;
}

/** The operator with one of its numbers, names and flags, or of its tensors' offsets and spaces, replaced; one for each. */
export function withValue(
  operator: RawOperator,
  value: unknown,
): readonly { readonly field: string; readonly operator: RawOperator }[] {
  const found: { field: string; operator: RawOperator }[] = [];
  const visit = (node: unknown, path: readonly (string | number)[]): void => {
    if (typeof node !== "object") {
      const copy = structuredClone(operator);
      let parent = copy as unknown as Record<string | number, unknown>;
      for (const key of path.slice(0, -1)) parent = parent[key] as Record<string | number, unknown>;
      parent[path.at(-1)!] = value;
      found.push({ field: path.join("."), operator: copy });
    } else if (node !== null) {
      for (const [key, child] of Object.entries(node)) visit(child, [...path, key]);
    }
  };
  visit(operator, []);
  return found;
}

export const runOf = (given: Readonly<Record<string, unknown>>): ReturnType<typeof bindings> =>
  bindings({ run: Float64Array.of(2, 2, 0, 0, 0, 4096), ...given });
