import fc from "fast-check";
import { expect, test } from "vitest";
import { PageTable } from "../../plan/index.ts";

test("the state goes to the disk that is needed last, and before it one of which nobody knows when", () => {
  const table = new PageTable(30, () => [7, 8, 9]);
  expect(table.keep(0, 9, 10)).toEqual([]);
  expect(table.keep(1, 5, 10)).toEqual([]);
  expect(table.keep(2, 7, 10)).toEqual([]);
  expect(table.keep(3, 8, 10)).toEqual([1]);
  expect(table.keep(4, 7, 10)).toEqual([0]);
  expect([0, 1, 2].map((key) => table.isOnDisk(key))).toEqual([true, true, false]);
  expect(table.bytes).toEqual({ memory: 30, disk: 20 });
});

test("of two states of one job the older one goes first, and a state that is too large goes itself", () => {
  const table = new PageTable(20, () => [1, 2]);
  table.keep(0, 1, 10);
  table.keep(1, 1, 10);
  expect(table.keep(2, 1, 10)).toEqual([0]);
  expect(table.keep(3, 2, 100)).toEqual([3]);
  table.drop(3);
  expect(table.bytes).toEqual({ memory: 20, disk: 10 });
});

test("memory never holds more than it may, and both are empty once nobody needs a state", () => {
  const kept = fc.record({ job: fc.integer({ min: 0, max: 9 }), bytes: fc.integer({ min: 1, max: 50 }) });
  fc.assert(
    fc.property(fc.array(kept), fc.integer({ min: 0, max: 100 }), fc.array(fc.nat(9)), (states, most, order) => {
      const table = new PageTable(most, () => order);
      const gone = new Set<number>();
      states.forEach(({ job, bytes }, key) => {
        for (const each of table.keep(key, job, bytes)) gone.add(each);
        expect(table.bytes.memory).toBeLessThanOrEqual(most);
        expect(table.isOnDisk(key)).toBe(gone.has(key));
      });
      const all = states.reduce((sum, { bytes }) => sum + bytes, 0);
      expect(table.bytes.memory + table.bytes.disk).toBe(all);
      for (const key of states.keys()) table.drop(key);
      expect(table.bytes).toEqual({ memory: 0, disk: 0 });
      expect(table.peak.memory).toBeLessThanOrEqual(most);
    }),
  );
});
