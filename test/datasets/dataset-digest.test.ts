import { expect, test } from "vitest";
import { datasetDigest } from "../../datasets/index.ts";

test("the digest changes with a token, a label and the boundary between rows", () => {
  const row = (ids: number[], labels = ids) => ({ inputIds: Int32Array.from(ids), labels: Int32Array.from(labels) });
  const digests = [
    [row([1, 2]), row([3])],
    [row([1]), row([2, 3])],
    [row([1, 2], [-100, 2]), row([3])],
    [row([1, 4]), row([3])],
    [],
  ].map(datasetDigest);
  expect(new Set(digests).size).toBe(5);
  expect(digests[4]).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});
