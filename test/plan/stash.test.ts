import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { microBatchTokens } from "../../plan/actions/mini-batch.ts";
import { actionsOf, orderOf, peakHeld, peakInFlight, SCHEDULES } from "../../plan/index.ts";
import { stashPlacement, UNIT_ROWS } from "../../plan/memory/stash.ts";
import { planOrders } from "../../plan/validate/validate-plan.ts";
import { unitPlan } from "./unit-plan.ts";

type Order = Parameters<typeof stashPlacement>[0];

function table(tokens: readonly number[]): Parameters<typeof stashPlacement>[1] {
  return tokens.map((count) => ({ rows: [[0, 0, count, 1]] }));
}

/** "F0 F1 B0 B1" */
function readOrder(text: string): Order {
  return orderOf(
    text.split(" ").map((key) => ({ letter: key[0] as "F" | "B" | "U", microBatch: Number(key.slice(1)) })),
  );
}

function units(tokens: number): number {
  return Math.ceil(tokens / UNIT_ROWS);
}

/** Walks the order and returns the highest end of the slots in use; fails where two in use overlap. */
function walk(order: Order, tokens: readonly number[]): number {
  const { offsets, used, peak } = stashPlacement(order, table(tokens));
  const live = new Map<number, readonly [number, number]>();
  let highest = 0;
  actionsOf(0, order).forEach(({ letter, microBatch }, position) => {
    if (letter === "F") {
      const [start, end] = [offsets[microBatch]!, offsets[microBatch]! + units(tokens[microBatch]!)];
      expect(start).toBeGreaterThanOrEqual(0);
      for (const [otherStart, otherEnd] of live.values()) expect(end <= otherStart || otherEnd <= start).toBe(true);
      live.set(microBatch, [start, end]);
    } else if (letter === "B") live.delete(microBatch);
    const top = Math.max(0, ...[...live.values()].map(([, end]) => end));
    expect(used[position]).toBe(top);
    highest = Math.max(highest, top);
  });
  expect(peak).toBe(highest);
  return peak;
}

describe("the slots of micro-batches in flight", () => {
  test("do not overlap while they are in use, and need no more than equal slots and no less than what is in use", {
    tags: ["slow"],
  }, () => {
    const planned = fc.record({
      schedule: fc.constantFrom(...SCHEDULES),
      numDevices: fc.integer({ min: 1, max: 4 }),
      numJobs: fc.integer({ min: 1, max: 4 }),
      parts: fc.integer({ min: 1, max: 4 }),
      steps: fc.integer({ min: 1, max: 4 }),
      groups: fc.constantFrom("auto" as const, "unfused" as const),
      lengths: fc.uniqueArray(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 9 }),
    });
    fc.assert(
      fc.property(planned, (options) => {
        const plan = unitPlan(options);
        const tokens = plan.microBatches.map(microBatchTokens);
        for (const order of planOrders(plan)) {
          const peak = walk(order, tokens);
          expect(peak).toBeGreaterThanOrEqual(peakHeld(order, (microBatch) => units(tokens[microBatch]!)));
          expect(peak).toBeLessThanOrEqual(peakInFlight(order) * units(Math.max(...tokens)));
        }
      }),
    );
  });

  test("of equal lengths are as many as micro-batches in flight", () => {
    const order = readOrder("F0 F1 F2 B0 F3 B1 B2 F4 B3 B4");
    expect(walk(order, [100, 100, 100, 100, 100])).toBe(3 * 7);
  });

  test("lie in the smallest hole that is large enough", () => {
    const order = readOrder("F0 F1 F2 F3 B0 B2 F4 F5 B1 B3 B4 B5");
    // 0 leaves a hole of 4 units, 2 one of 2.
    const { offsets, peak } = stashPlacement(order, table([64, 16, 32, 16, 32, 64]));
    expect([...offsets]).toEqual([0, 4, 5, 7, 5, 0]);
    expect(peak).toBe(8);
  });

  test("are placed with the largest first where holes waste room", () => {
    // Whoever takes places as they come leaves the hole of 0 too small for 2.
    const order = readOrder("F0 F1 B0 F2 B1 B2");
    expect(walk(order, [16, 16, 32])).toBe(3);
  });

  test("of a hundred thousand micro-batches are found in seconds, with few in flight and with many", {
    tags: ["slow"],
    timeout: 20_000,
  }, () => {
    const tokens = Array.from({ length: 100_000 }, (_, i) => 1 + ((i * 7919) % 2048));
    const action = (letter: "F" | "B", microBatch: number) => ({ letter, microBatch });
    for (const ahead of [8, 50_000]) {
      const order = orderOf(
        tokens.flatMap((_, i) => (i < ahead ? [action("F", i)] : [action("B", i - ahead), action("F", i)])),
      );
      const placement = stashPlacement(order, table(tokens));
      expect(placement.peak).toBeGreaterThanOrEqual(peakHeld(order, (microBatch) => units(tokens[microBatch]!)));
    }
  });
});
