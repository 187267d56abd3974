// An adapter's update added to a matrix of the base.

/** A low-rank update: A [rank, in], B [out, rank], row major. */
export interface Update {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly rank: number;
  readonly inFeatures: number;
  readonly scale: number;
  /** [out], of DoRA: what each row's length is set to. */
  readonly magnitudes?: Float32Array | undefined;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * A number as float32 for a further rounding to fewer bits: where it is not exact its last bit is set, so that two
 * roundings come to what one would (rounding to odd; Boldo and Melquiond 2008).
 */
function toOdd(value: number): number {
  float[0] = value;
  const near = float[0]!;
  if (near === value || !Number.isFinite(near) || (bits[0]! & 1) === 1) return near;
  bits[0] = bits[0]! + (Math.abs(value) > Math.abs(near) ? 1 : -1);
  return float[0]!;
}

/** Row `row` of scale B A, in double precision. */
export function updateRow({ a, b, rank, inFeatures, scale }: Update, row: number, into: Float64Array): void {
  into.fill(0);
  for (let r = 0; r < rank; r += 1) {
    const factor = scale * b[row * rank + r]!;
    if (factor === 0) continue;
    const start = r * inFeatures;
    for (let i = 0; i < inFeatures; i += 1) into[i] = into[i]! + factor * a[start + i]!;
  }
}

/**
 * Adds an update to rows of a matrix, in place: W + scale B A, or of DoRA m (W + scale B A) / ||W + scale B A|| a row.
 * Sums are in double precision and rounded once, to what is stored; `isStoredWhole`: as float32. Source of DoRA's form:
 * DoraLinearLayer and LoraLayer.merge, peft 0.21.
 */
export function mergeRows(weights: Float32Array, update: Update, isStoredWhole: boolean): void {
  const { inFeatures, magnitudes } = update;
  const row = new Float64Array(inFeatures);
  const rows = weights.length / inFeatures;
  for (let out = 0; out < rows; out += 1) {
    updateRow(update, out, row);
    const start = out * inFeatures;
    let squares = 0;
    for (let i = 0; i < inFeatures; i += 1) {
      const value = weights[start + i]! + row[i]!;
      row[i] = value;
      squares += value * value;
    }
    const factor = magnitudes === undefined ? 1 : magnitudes[out]! / Math.sqrt(squares);
    for (let i = 0; i < inFeatures; i += 1) {
      const value = factor * row[i]!;
      weights[start + i] = isStoredWhole ? value : toOdd(value);
    }
  }
}

/** The same of matrices that lie as [in, out], with row `i` of the update in column `column(i)`. */
export function mergeColumns(
  weights: Float32Array,
  update: Update,
  column: (row: number) => number,
  isStoredWhole: boolean,
): void {
  const { inFeatures } = update;
  const row = new Float64Array(inFeatures);
  const outs = weights.length / inFeatures;
  for (let out = 0; out < outs; out += 1) {
    updateRow(update, out, row);
    const at = column(out);
    for (let i = 0; i < inFeatures; i += 1) {
      const value = weights[i * outs + at]! + row[i]!;
      weights[i * outs + at] = isStoredWhole ? value : toOdd(value);
    }
  }
}
