import fc from "fast-check";
import { expect, test } from "vitest";
import { PlanError } from "../../core/index.ts";
import { GrowingOrder, orderKeys } from "../../plan/actions/order.ts";
import { actionsOf, formatAction, orderOf, PLANNED_LETTERS, parseOrder } from "../../plan/index.ts";

const actions = fc.array(
  fc.record({ letter: fc.constantFrom(...PLANNED_LETTERS), microBatch: fc.integer({ min: 0, max: 2 ** 29 - 1 }) }),
  { maxLength: 60 },
);

test("an order of numbers says the same actions as its keys", () => {
  fc.assert(
    fc.property(actions, fc.nat(99), (own, stage) => {
      const order = orderOf(own);
      const keys = own.map((action) => formatAction({ stage, ...action }));
      expect(orderKeys(stage, order)).toEqual(keys);
      expect(parseOrder(keys, stage)).toEqual(order);
      expect(actionsOf(stage, order)).toEqual(own.map((action) => ({ stage, ...action })));
    }),
  );
});

test("an order that grows is taken piece by piece", () => {
  fc.assert(
    fc.property(fc.array(actions, { maxLength: 5 }), (pieces) => {
      const growing = new GrowingOrder();
      for (const piece of pieces.map(orderOf)) {
        for (const action of piece) growing.add(action);
        expect(growing.take()).toEqual(piece);
      }
    }),
  );
});

test("an action of another stage is refused", () => {
  expect(() => parseOrder(["2F0", "1B0"], 2)).toThrow(PlanError);
});
