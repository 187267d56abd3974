import fc from "fast-check";
import { expect, it } from "vitest";
import { DueSlots } from "../../core/index.ts";

it("due slots come by time, the smaller first within an instant, however they are added and taken", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(30), fc.nat(9), fc.boolean()), { maxLength: 200 }), (steps) => {
      const slots = new DueSlots(31);
      let due: { readonly slot: number; readonly timeNs: number }[] = [];
      for (const [slot, timeNs, takes] of steps) {
        if (!takes && due.every((each) => each.slot !== slot)) {
          slots.add(slot, timeNs);
          due = [...due, { slot, timeNs }].sort((a, b) => a.timeNs - b.timeNs || a.slot - b.slot);
        }
        expect(slots.nextNs()).toBe(due[0]?.timeNs ?? Number.POSITIVE_INFINITY);
        if (!takes) continue;
        expect(slots.take()).toBe(due[0]?.slot);
        due = due.slice(1);
      }
    }),
    { numRuns: 300 },
  );
});
