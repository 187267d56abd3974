import fc from "fast-check";
import { expect, test } from "vitest";
import { decoderDimensions, gptDimensions, layerSeconds, layerWork } from "../../plan/index.ts";

const PEAKS = { flopsPerSecond: 100e12, bytesPerSecond: 1e12 };
const ARCH = {
  hiddenSize: 64,
  intermediateSize: 160,
  numLayers: 2,
  numHeads: 4,
  numKvHeads: 2,
  headDim: 16,
  vocabularySize: 100,
  maxPositions: 128,
  rmsNormEps: 1e-5,
  ropeTheta: 10000,
  qkvBias: false,
  tiedEmbeddings: false,
};

test("a layer's dimensions are those of its projections", () => {
  const { parameters, activationFeatures } = decoderDimensions(ARCH);
  expect(parameters).toBe(64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 160);
  expect(activationFeatures).toBe(8 * 64 + 3 * 160);
  expect(gptDimensions(64, 4).parameters).toBe(12 * 64 * 64);
});

test("LoRA's backward is one more forward, full training's two, and recomputation another", () => {
  const shape = { tokens: 10, sequenceLength: 0, tensorParallel: 1 };
  const { flops, passes } = layerWork(decoderDimensions(ARCH), shape, ["F"]);
  const times = (letters: readonly ("F" | "I" | "W" | "recomputed")[]) =>
    layerWork(decoderDimensions(ARCH), shape, letters).flops / flops;
  expect(passes).toBe(1);
  expect([times(["F", "I"]), times(["F", "I", "W"]), times(["F", "recomputed", "I", "W"])]).toEqual([2, 3, 4]);
});

test("more tokens, longer sequences and slower devices never take less time", () => {
  const arbitrary = fc.record({
    tokens: fc.integer({ min: 1, max: 4096 }),
    sequence: fc.integer({ min: 0, max: 2048 }),
    overlap: fc.double({ min: 1, max: 4, noNaN: true }),
    compute: fc.double({ min: 0.1, max: 1, noNaN: true }),
    launch: fc.double({ min: 0, max: 1e-2, noNaN: true }),
  });
  fc.assert(
    fc.property(arbitrary, ({ tokens, sequence, overlap, compute, launch }) => {
      const efficiency = { computeEfficiency: compute, activationBytes: 15, scoreBytes: 8, launchSeconds: launch };
      const seconds = (moreTokens: number, moreSequence: number, slower: number): number =>
        layerSeconds(
          layerWork(
            decoderDimensions(ARCH),
            { tokens: tokens + moreTokens, sequenceLength: sequence + moreSequence, tensorParallel: 1 },
            ["F", "I"],
          ),
          { ...PEAKS, flopsPerSecond: PEAKS.flopsPerSecond / slower },
          efficiency,
          overlap,
        );
      const base = seconds(0, 0, 1) * (1 - 1e-12);
      expect(seconds(1, 0, 1)).toBeGreaterThanOrEqual(base);
      expect(seconds(0, 1, 1)).toBeGreaterThanOrEqual(base);
      expect(seconds(0, 0, 2)).toBeGreaterThanOrEqual(base);
    }),
  );
});
