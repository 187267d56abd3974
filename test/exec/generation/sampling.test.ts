import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { nextToken } from "../../../exec/generation/sampling.ts";
import { candidates, checkSampling, GREEDY, type Sampling } from "../../../exec/index.ts";
import { EXPORT_ORACLE, readJson } from "./answers.ts";

const ORACLE = path.join(EXPORT_ORACLE, "sampling.json");

interface StoredCase {
  readonly what: string;
  readonly options: { temperature?: number; top_k?: number; top_p?: number; min_p?: number };
  readonly logits: readonly number[];
  readonly probabilities: readonly number[];
  readonly either?: boolean;
  readonly edge?: boolean;
}

const CASES: readonly StoredCase[] = existsSync(ORACLE)
  ? readJson<{ readonly cases: readonly StoredCase[] }>(ORACLE).cases
  : [];

function samplingOf({ temperature, top_k, top_p, min_p }: StoredCase["options"], seed = 0): Sampling {
  return { temperature: temperature ?? 1, topK: top_k ?? 0, topP: top_p ?? 1, minP: min_p ?? 0, seed };
}

function probabilitiesOf(logits: readonly number[], sampling: Sampling): readonly number[] {
  const all = new Array<number>(logits.length).fill(0);
  for (const { token, probability } of candidates(Float32Array.from(logits), sampling)) all[token] = probability;
  return all;
}

describe.skipIf(CASES.length === 0)("the distributions of transformers", () => {
  test.each(CASES.map((each) => [each.what, each] as const))("%s", (_, { options, logits, probabilities, ...how }) => {
    const got = probabilitiesOf(logits, samplingOf(options));
    // Rounding decides about the last one there, or which of equal ones stays.
    const sorted = (values: readonly number[]) => (how.either === true ? values.toSorted() : values);
    if (how.edge === true) return;
    for (const [i, wanted] of sorted(probabilities).entries()) expect(sorted(got)[i]).toBeCloseTo(wanted, 6);
  });
});

/** What chi-square is at most in 99.9 of 100 samples (Wilson and Hilferty 1931). */
function mostChiSquare(degrees: number): number {
  return degrees * (1 - 2 / (9 * degrees) + 3.0902 * Math.sqrt(2 / (9 * degrees))) ** 3;
}

describe("10 000 draws", () => {
  const logits = Float32Array.from([2, 1, 0.5, 0.25, 0, -0.5, -1, -1.5, -2, -4]);
  test.each([
    ["as they are", {}],
    ["colder", { temperature: 0.6 }],
    ["hotter, the four highest", { temperature: 1.7, top_k: 4 }],
    ["a nucleus", { top_p: 0.8 }],
    ["all together", { temperature: 1.3, top_k: 8, top_p: 0.95, min_p: 0.05 }],
  ] as const)("come as often as they are likely: %s", (_, options) => {
    const DRAWS = 10_000;
    const counts = new Array<number>(logits.length).fill(0);
    for (let draw = 0; draw < DRAWS; draw += 1) {
      // Half of them along a row, half over seeds.
      const [seed, position] = draw % 2 === 0 ? [7, draw] : [draw, 7];
      counts[nextToken(logits, samplingOf(options, seed), position)]! += 1;
    }
    const expected = probabilitiesOf(Array.from(logits), samplingOf(options)).map((each) => each * DRAWS);
    const kept = expected.filter((each) => each > 0);
    const chiSquare = expected.reduce((sum, each, i) => sum + (each > 0 ? (counts[i]! - each) ** 2 / each : 0), 0);
    expect(counts.every((count, i) => count === 0 || expected[i]! > 0)).toBe(true);
    expect(chiSquare).toBeLessThan(mostChiSquare(kept.length - 1));
  });
});

test("greedy takes the first of the highest, and nothing that is no number", () => {
  expect(nextToken(Float32Array.from([1, 3, 3, 2]), GREEDY, 0)).toBe(1);
  expect(nextToken(Float32Array.from([Number.NaN, -5, -4]), GREEDY, 0)).toBe(2);
});

test("the same seed draws the same, another one something else", () => {
  const logits = new Float32Array(1000);
  const draw = (seed: number) =>
    Array.from({ length: 20 }, (_, at) => nextToken(logits, { ...GREEDY, temperature: 1, seed }, at));
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)).not.toEqual(draw(6));
});

test.each([
  [{ temperature: -1 }, "temperature"],
  [{ temperature: Number.NaN }, "temperature"],
  [{ topK: 1.5 }, "topK"],
  [{ topP: 0 }, "topP"],
  [{ topP: 1.01 }, "topP"],
  [{ minP: -0.1 }, "minP"],
  [{ seed: -1 }, "seed"],
])("refuses %j", (wrong, at) => {
  expect(() => checkSampling({ ...GREEDY, ...wrong })).toThrow(at);
});
