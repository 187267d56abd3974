import fc from "fast-check";
import { expect, test } from "vitest";
import { orderRows as lazilyOrdered, type RowOrderOptions } from "../../plan/actions/order-rows.ts";

/** All steps at once. */
const orderRows = (numRows: number, options: RowOrderOptions) => [...lazilyOrdered(numRows, options)];

const flat = (steps: readonly (readonly number[])[]): number[] => steps.flat();

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

test("steps are found in any order, and parts of the list are lists", () => {
  const options = { seed: 3, shuffle: true, batchSize: 5, steps: 9 };
  const [all, lazy] = [orderRows(7, options), lazilyOrdered(7, options)];
  for (const step of [8, 0, 4, 4, -1, -9]) expect(lazy.at(step)).toEqual(all.at(step));
  for (const step of [9, -10]) expect(lazy.at(step)).toBeUndefined();
  expect([...lazy.slice(2, -3)]).toEqual(all.slice(2, -3));
  expect([...lazy.slice(-4).slice(1)]).toEqual(all.slice(-4).slice(1));
  expect(lazy.slice(7, 2).length).toBe(0);
});
