import fc from "fast-check";
import { expect, test } from "vitest";
import { Fifo } from "../../core/index.ts";

const step = fc.oneof(
  fc.nat(9).map((item) => ({ kind: "add" as const, item })),
  fc.constant({ kind: "take" as const }),
  fc.nat(9).map((item) => ({ kind: "remove" as const, item })),
);

test("a queue gives what came first, and holds what a list would, whatever is added, taken and removed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new Fifo<number>();
      const list: number[] = [];
      for (const each of steps) {
        if (each.kind === "take") expect(queue.take()).toBe(list.shift());
        else if (each.kind === "add") {
          queue.add(each.item);
          list.push(each.item);
        } else {
          queue.remove(each.item);
          if (list.includes(each.item)) list.splice(list.indexOf(each.item), 1);
        }
        expect([queue.size, queue.first, [...queue]]).toEqual([list.length, list[0], list]);
      }
    }),
  );
});
