import { describe, expect, test } from "vitest";
import { candidates, checkSampling, GREEDY } from "../../../exec/index.ts";

const LOGITS = Float32Array.of(1, 3, 2, 3);
const tokens = (sampling: Partial<typeof GREEDY>) =>
  candidates(LOGITS, { ...GREEDY, temperature: 1, ...sampling }).map(({ token }) => token);

describe("what may be drawn", () => {
  test("is the first of the most likely tokens at temperature 0", () => {
    expect(candidates(LOGITS, GREEDY)).toEqual([{ token: 1, probability: 1 }]);
  });

  test("is as many tokens as top-k, top-p and min-p leave, with those as likely as the last of k", () => {
    expect(tokens({})).toEqual([0, 1, 2, 3]);
    expect(tokens({ topK: 1 })).toEqual([1, 3]);
    expect(tokens({ topP: 0.5 })).toEqual([1, 3]);
    expect(tokens({ minP: 0.3 })).toEqual([1, 3, 2]);
  });
});

test("a number that is out of range is refused at its name", () => {
  expect(() => checkSampling(GREEDY)).not.toThrow();
  expect(() => checkSampling({ ...GREEDY, topP: 0 })).toThrow(/topP/);
});
