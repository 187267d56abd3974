import { describe, expect, it } from "vitest";
import { createRng } from "../../../core/index.ts";
import { decodeFloats, encodeFloats } from "../../../datasets/index.ts";
import { mergeColumns, mergeRows, type Update } from "../../../workbench/ship/merge-matrix.ts";

const [OUT, IN, RANK] = [7, 12, 3];
const rng = createRng("merge");
const random = (count: number): Float32Array => Float32Array.from({ length: count }, () => rng.nextFloat() - 0.5);
const [WEIGHTS, A, B] = [random(OUT * IN), random(RANK * IN), random(OUT * RANK)];
const UPDATE: Update = { a: A, b: B, rank: RANK, inFeatures: IN, scale: 1.75 };

/** W + scale B A in double precision. */
function exact(out: number, i: number): number {
  let product = 0;
  for (let r = 0; r < RANK; r += 1) product += UPDATE.scale * B[out * RANK + r]! * A[r * IN + i]!;
  return WEIGHTS[out * IN + i]! + product;
}

/** The bfloat16 nearest to a number, by trying both neighbours. */
function nearestBfloat16(value: number): number {
  const [word] = new Uint32Array(new Float32Array([value]).buffer);
  const at = (bits: number): number => new Float32Array(new Uint32Array([bits << 16]).buffer)[0]!;
  const low = word! >>> 16;
  const candidates = [low - 1, low, low + 1].map((bits) => [bits, Math.abs(at(bits) - value)] as const);
  const least = Math.min(...candidates.map(([, distance]) => distance));
  const best = candidates.filter(([, distance]) => distance === least);
  return at((best.find(([bits]) => bits % 2 === 0) ?? best[0]!)[0]);
}

describe("a merged matrix", () => {
  it("is W + scale B A, rounded once to float32", () => {
    const merged = WEIGHTS.slice();
    mergeRows(merged, UPDATE, true);
    for (let out = 0; out < OUT; out += 1)
      for (let i = 0; i < IN; i += 1) expect(merged[out * IN + i]).toBeCloseTo(exact(out, i), 7);
  });

  it("is rounded once to bfloat16, also where float32 would be a tie between two of its numbers", () => {
    // 1 + 2^-8 lies between two bfloat16 numbers; 2^-40 more is above, and float32 does not see it.
    const tie: Update = {
      a: Float32Array.from([2 ** -40]),
      b: Float32Array.from([1]),
      rank: 1,
      inFeatures: 1,
      scale: 1,
    };
    for (const sign of [1, -1]) {
      const weights = Float32Array.from([sign * (1 + 2 ** -8)]);
      mergeRows(weights, { ...tie, scale: sign }, false);
      expect(decodeFloats(encodeFloats(weights, "BF16"), "BF16")[0]).toBe(sign * (1 + 2 ** -7));
      const below = Float32Array.from([sign * (1 + 3 * 2 ** -8)]);
      mergeRows(below, { ...tie, scale: -sign }, false);
      expect(decodeFloats(encodeFloats(below, "BF16"), "BF16")[0]).toBe(sign * (1 + 2 ** -7));
    }
    const merged = WEIGHTS.slice();
    mergeRows(merged, UPDATE, false);
    const stored = decodeFloats(encodeFloats(merged, "BF16"), "BF16");
    for (let out = 0; out < OUT; out += 1)
      for (let i = 0; i < IN; i += 1) expect(stored[out * IN + i]).toBe(nearestBfloat16(exact(out, i)));
  });

  it("of DoRA has rows of the lengths that the magnitudes say", () => {
    const magnitudes = Float32Array.from({ length: OUT }, (_, out) => out + 0.5);
    const merged = WEIGHTS.slice();
    mergeRows(merged, { ...UPDATE, magnitudes }, true);
    for (let out = 0; out < OUT; out += 1) {
      const row = merged.subarray(out * IN, (out + 1) * IN);
      expect(Math.hypot(...row)).toBeCloseTo(magnitudes[out]!, 5);
      expect(row[1]! / row[0]!).toBeCloseTo(exact(out, 1) / exact(out, 0), 3);
    }
  });

  it("may lie as [in, out], with its outs in another order", () => {
    const column = (row: number): number => OUT - 1 - row;
    const weights = new Float32Array(OUT * IN);
    for (let out = 0; out < OUT; out += 1)
      for (let i = 0; i < IN; i += 1) weights[i * OUT + column(out)] = WEIGHTS[out * IN + i]!;
    mergeColumns(weights, UPDATE, column, true);
    for (let out = 0; out < OUT; out += 1)
      for (let i = 0; i < IN; i += 1) expect(weights[i * OUT + column(out)]).toBeCloseTo(exact(out, i), 7);
  });
});
