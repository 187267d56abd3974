import fc from "fast-check";
import { expect, test } from "vitest";
import { DueSlots } from "../../core/index.ts";

test("slots come out by time, and by number within an instant", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 40 }), (times) => {
      const due = new DueSlots(times.length);
      for (let slot = times.length - 1; slot >= 0; slot -= 1) due.add(slot, times[slot]!);
      const expected = times.map((_, slot) => slot).sort((a, b) => times[a]! - times[b]! || a - b);
      for (const slot of expected) {
        expect(due.nextNs()).toBe(times[slot]);
        expect(due.take()).toBe(slot);
      }
      expect(due.nextNs()).toBe(Number.POSITIVE_INFINITY);
      expect(due.take()).toBeUndefined();
    }),
  );
});

test("a slot that was taken may be due again", () => {
  const due = new DueSlots(2);
  due.add(0, 1);
  due.add(1, 5);
  expect(due.take()).toBe(0);
  due.add(0, 9);
  expect([due.take(), due.take()]).toEqual([1, 0]);
});
