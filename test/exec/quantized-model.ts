// The formats of native/src/ops/quantized.h once more, in plain loops: a model whose weights are what products see of a
// quantized one.
import type { BaseModel } from "../../exec/index.ts";
import { type Dtype, type Projection, projectionPath, projectionShape } from "../../plan/index.ts";

const BLOCK = 64;
const SUPER_BLOCK = 256;
/** QLoRA, appendix E. */
const NF4 = Float32Array.of(
  -1,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1,
);

function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
}

/** The nearest of -127 .. 127 to x / step. */
function wholeCode(x: number, step: number): number {
  return step === 0 ? 0 : Math.min(127, Math.max(-127, roundHalfEven(Math.fround(x / step))));
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function nearestNf4(x: number): number {
  return NF4.reduce((best, value) => (Math.abs(x - value) < Math.abs(x - best) ? value : best));
}

/** W [rows, columns] through int8: a scale a row. */
function throughInt8(w: Float32Array, columns: number): Float32Array {
  return w.map((value, i) => {
    const row = i - (i % columns);
    const scale = Math.fround(largest(w.subarray(row, row + columns)) / 127);
    return Math.fround(wholeCode(value, scale) * scale);
  });
}

/** W [rows, columns] through NF4 with double quantization. */
function throughNf4(w: Float32Array, columns: number): Float32Array {
  const blocks: { start: number; values: Float32Array }[] = [];
  for (let row = 0; row < w.length; row += columns) {
    for (let k = 0; k < columns; k += BLOCK) {
      blocks.push({ start: row + k, values: w.subarray(row + k, row + Math.min(k + BLOCK, columns)) });
    }
  }
  const absmax = blocks.map(({ values }) => largest(values));
  const offset = Math.fround(absmax.reduce((sum, value) => sum + value, 0) / absmax.length);
  const centred = Float32Array.from(absmax, (value) => value - offset);
  const result = new Float32Array(w.length);
  blocks.forEach(({ start, values }, b) => {
    const first = b - (b % SUPER_BLOCK);
    const step = Math.fround(largest(centred.subarray(first, first + SUPER_BLOCK)) / 127);
    const kept = Math.fround(wholeCode(centred[b]!, step) * step + offset);
    values.forEach((value, i) => {
      result[start + i] = absmax[b] === 0 ? 0 : Math.fround(nearestNf4(Math.fround(value / absmax[b]!)) * kept);
    });
  });
  return result;
}

const STACKS: readonly (readonly Projection[])[] = [
  ["q_proj", "k_proj", "v_proj"],
  ["o_proj"],
  ["gate_proj", "up_proj"],
  ["down_proj"],
];

/** `model` with the weights of its layers' products through `dtype` and back; all else is as it was. */
export function dequantizedModel(model: BaseModel, dtype: Extract<Dtype, "int8" | "nf4">): BaseModel {
  const { architecture, weights } = model;
  const replaced = new Map<string, Float32Array>();
  for (let layer = 0; layer < architecture.numLayers; layer += 1) {
    for (const projections of STACKS) {
      const parts = projections.map((projection) => {
        const shape = projectionShape(architecture, projection);
        const name = `${projectionPath(architecture, layer, projection)}.weight`;
        return { name, columns: shape.in, values: weights.read(name, [shape.out, shape.in]) };
      });
      const whole = new Float32Array(parts.reduce((sum, { values }) => sum + values.length, 0));
      let start = 0;
      for (const { values } of parts) {
        whole.set(values, start);
        start += values.length;
      }
      const through = (dtype === "int8" ? throughInt8 : throughNf4)(whole, parts[0]!.columns);
      start = 0;
      for (const { name, values } of parts) {
        replaced.set(name, through.slice(start, start + values.length));
        start += values.length;
      }
    }
  }
  return {
    architecture,
    weights: {
      read: (name, shape) => replaced.get(name) ?? weights.read(name, shape),
      readBfloat16: (name, shape) => (replaced.has(name) ? undefined : weights.readBfloat16(name, shape)),
    },
  };
}
