import { describe, expect, it } from "vitest";
import { downChances, downShare, idleCost, lateWith, lostHours, slotsLeft } from "../../capacity/failures.ts";
import { lateShare } from "../../capacity/level.ts";
import type { Candidate } from "../../plan/index.ts";
import { PRICES } from "./small-world.ts";

const candidate = (count: number, slot: number): Candidate => ({
  ...{ accelerator: "H100 SXM", count, slot, precision: "bfloat16", jobsAtOnce: 1, policy: "fifo", tenure: "buy" },
});

describe("machines that fail", () => {
  it("are away for the share of time that repairs take", () => {
    // Works 8766 / 2 = 4383 hours on average, and is away for 487: a tenth of 4870.
    expect(downShare({ perYear: 2, repairHours: 487 })).toBeCloseTo(0.1, 12);
  });

  it("are away at once as a binomial distribution has it", () => {
    const [none, one, two] = downChances(2, 0.1);
    expect([none, one, two]).toEqual([0.81, 0.18, 0.01].map((chance) => expect.closeTo(chance, 12)));
    const many = downChances(5000, 0.5);
    expect(many.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
  });

  it("take the slots with them that are on them", () => {
    // 16 accelerators in two machines of 8, slots of 2.
    expect([0, 1, 2, 3].map((down) => slotsLeft(candidate(16, 2), { soldIn: 8 }, down))).toEqual([8, 4, 0, 0]);
    // 9 in slots of one: the second machine has 7 that nobody needs.
    expect([0, 1, 2].map((down) => slotsLeft(candidate(9, 1), { soldIn: 8 }, down))).toEqual([9, 8, 0]);
    // A slot over two machines stops with either of them.
    expect([0, 1, 2].map((down) => slotsLeft(candidate(32, 16), { soldIn: 8 }, down))).toEqual([2, 1, 0]);
  });

  it("make jobs late by how likely it is that so many are away", () => {
    const late = [[0.01], [0.2]];
    // Two machines, none spare: 0.81 x 0.01 + 0.18 x 0.2 + 0.01 x 1.
    expect(lateWith(0, 2, 0.1, late)[0]).toBeCloseTo(0.0541, 12);
    // With a spare one: none or one of three away 0.729 + 0.243, two 0.027, three 0.001.
    expect(lateWith(1, 2, 0.1, late)[0]).toBeCloseTo(0.972 * 0.01 + 0.027 * 0.2 + 0.001, 12);
  });

  it("lose half of a job, of long ones more often", () => {
    expect(lostHours([2, 2, 2])).toBe(1);
    // 1 hour and 3 hours: three quarters of the time the long one trains: (1/4) x 0.5 + (3/4) x 1.5.
    expect(lostHours([1, 3])).toBe(1.25);
    expect(lostHours([])).toBe(0);
  });

  it("cost the hours of idle hardware where they are bought", () => {
    const price = { ...PRICES.accelerators["H100 SXM"]!, soldIn: 8 };
    const buy = { ...price.buy!, price: 35_064, years: 4 };
    expect(idleCost({ tenure: "buy" }, { ...price, buy }, { interest: 0 }, 72)).toBe(8 * 72);
    expect(idleCost({ tenure: "reserved" }, { ...price, buy }, { interest: 0 }, 72)).toBe(0);
  });
});

describe("the share of late jobs", () => {
  it("counts jobs of a level's kinds that take longer than its hours", () => {
    const group = { level: { percent: 90, hours: 1 }, kinds: [0], names: ["a"] };
    const jobs = [3600, 3601, 10, 7200].map((seconds) => ({ kind: 0, seconds }));
    expect(lateShare(group, [...jobs, { kind: 1, seconds: 9000 }])).toBe(0.5);
    expect(lateShare(group, [])).toBe(0);
  });
});
