import fc from "fast-check";
import { expect, test } from "vitest";
import { datasetDigest, orderRows } from "../../datasets/index.ts";

const flat = (steps: readonly Int32Array[]): number[] => steps.flatMap((rows) => [...rows]);

test("every epoch takes every row once, and every mini-batch is full", () => {
  const sizes = fc.record({
    numRows: fc.integer({ min: 1, max: 40 }),
    batchSize: fc.integer({ min: 1, max: 9 }),
    epochs: fc.integer({ min: 1, max: 4 }),
    shuffle: fc.boolean(),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(sizes, ({ numRows, ...options }) => {
      const steps = orderRows(numRows, options);
      expect(steps.every((rows) => rows.length === options.batchSize)).toBe(true);
      expect(steps.length).toBe(Math.ceil((numRows * options.epochs) / options.batchSize));
      const rows = flat(steps);
      for (let epoch = 0; epoch < options.epochs; epoch += 1) {
        const taken = rows.slice(epoch * numRows, (epoch + 1) * numRows).toSorted((a, b) => a - b);
        expect(taken).toEqual(Array.from({ length: numRows }, (_, index) => index));
      }
    }),
  );
});

test("rows that are not shuffled are taken in order and wrap around", () => {
  const steps = orderRows(5, { seed: 1, shuffle: false, batchSize: 3, steps: 4 });
  expect(flat(steps)).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
});

test("the same seed gives the same order, other seeds and epochs others", () => {
  const options = { shuffle: true, batchSize: 20, steps: 2 };
  const first = orderRows(20, { ...options, seed: 7 });
  expect(orderRows(20, { ...options, seed: 7 })).toEqual(first);
  expect(orderRows(20, { ...options, seed: 8 })[0]).not.toEqual(first[0]);
  expect(first[1]).not.toEqual(first[0]);
  expect(orderRows(8, { ...options, batchSize: 8, steps: 1, seed: 7 })[0]?.join(" ")).toMatchInlineSnapshot(
    `"5 6 1 2 4 0 3 7"`,
  );
});

test("a permutation favours no place", () => {
  const counts = new Int32Array(4);
  for (let seed = 0; seed < 4000; seed += 1) {
    const [rows] = orderRows(4, { seed, shuffle: true, batchSize: 4, steps: 1 });
    counts[rows![0]!]! += 1;
  }
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(120);
});

test.each<[object, RegExp]>([
  [{ steps: 1, epochs: 1 }, /exactly one of steps and epochs/],
  [{}, /exactly one of steps and epochs/],
  [{ steps: 0 }, /a positive whole number at steps/],
  [{ epochs: 1.5 }, /a positive whole number at epochs/],
  [{ steps: 1, batchSize: 0 }, /a positive whole number at batchSize/],
])("options %j are refused", (options, message) => {
  expect(() => orderRows(3, { seed: 1, shuffle: true, batchSize: 1, ...options })).toThrow(message);
});

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
