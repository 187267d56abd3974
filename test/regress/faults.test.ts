// @module-tag slow
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FAULTS } from "../../bench/planted/faults.ts";
import { isCaught, Planting } from "../../bench/planted/planting.ts";
import { REFACTORS } from "../../bench/planted/refactors.ts";
import { isNightly, someOf } from "../level.ts";

let planting: Planting;

beforeAll(() => {
  planting = new Planting();
});

afterAll(() => {
  planting.remove();
});

/** Each builds the change and runs golden workloads: a few by day, and at night with those that a real run shows. */
const faults = someOf(
  FAULTS.filter(({ isExecuted }) => isNightly || isExecuted === undefined),
  { quick: 1, all: 1 },
);
const refactors = someOf(REFACTORS, { quick: 1, all: 1 });

describe("a change that does something wrong", () => {
  test.each(faults)(
    "$area: $name is blocked, and its cause is named",
    async (fault) => {
      const { isBlocked, hasCause, verdict, why } = isCaught(await planting.sayOf(fault), fault);
      const told = `${verdict}: ${why.join("\n")}`;
      expect(hasCause, told).toBe(true);
      expect(isBlocked, told).toBe(true);
    },
    900_000,
  );
});

describe("a change that does nothing", () => {
  test.each(refactors)(
    "$name passes, and nothing is said of any golden workload",
    async ({ changes }) => {
      const { code, goldens } = await planting.say(changes, isNightly ? undefined : ["lorapp", "fifo", "priority"]);
      expect(goldens.filter(({ verdict }) => verdict !== "same" && verdict !== "unable")).toEqual([]);
      expect(code).toBe(0);
    },
    900_000,
  );
});
