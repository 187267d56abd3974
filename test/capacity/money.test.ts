import { describe, expect, it } from "vitest";
import { candidateFleet } from "../../capacity/candidate-fleet.ts";
import { judgeInput } from "../../capacity/find-capacity.ts";
import { judgeAll } from "../../capacity/judge-candidate.ts";
import { costOf } from "../../capacity/money.ts";
import { drawnFleet } from "../../capacity/simulated-draws.ts";
import { simulateSlots } from "../../capacity/slot-fleet.ts";
import type { Candidate } from "../../plan/index.ts";
import { PRICES, smallRequest } from "./small-world.ts";

const price = PRICES.accelerators["H100 SXM"]!;
const tariff = (tenure: Candidate["tenure"]) => ({ tenure, price, prices: PRICES, watts: 700 });

describe("what a candidate costs", () => {
  it("is by hand what it is", () => {
    const hours = { all: 1000, busy: 400, rented: 400 };
    // 30000 over 4 years of 8766 hours, without three tenths of 600 idle hours of 1000.
    const hardware = (30_000 / (4 * 8766)) * 1000 * (1 - 0.3 * 0.6);
    // 400 hours at full power, and a fifth of it in the 420 idle hours that nobody else uses.
    const energy = 0.2 * 1.5 * 0.7 * (400 + 0.2 * 420);
    const bought = costOf(tariff("buy"), hours);
    expect(bought.hardware).toBeCloseTo(hardware, 9);
    expect(bought.energy).toBeCloseTo(energy, 9);
    expect(bought.total).toBeCloseTo(hardware + energy, 9);
    expect(costOf(tariff("reserved"), hours).total).toBe(2000);
    expect(costOf(tariff("on-demand"), hours).total).toBe(1200);
    expect(costOf(tariff("spot"), hours).total).toBe(600);
    // Idle hours of what is reserved are paid for, those of what is rented by the hour are not ours.
    const [watts, idle] = [1.5 * 0.7, 0.2 * 600];
    expect(costOf(tariff("buy"), hours).kilowattHours).toBeCloseTo(energy / 0.2, 9);
    expect(costOf(tariff("reserved"), hours).kilowattHours).toBeCloseTo(watts * (400 + idle), 9);
    expect(costOf(tariff("on-demand"), hours).kilowattHours).toBeCloseTo(watts * 400, 9);
  });

  it("is never less where more hours are busy", () => {
    for (const tenure of ["buy", "reserved", "on-demand", "spot"] as const) {
      const totals = [0, 200, 500, 1000].map((busy) => costOf(tariff(tenure), { all: 1000, busy, rented: busy }).total);
      expect(totals).toEqual([...totals].sort((a, b) => a - b));
    }
  });

  it("is to the cent what the simulated slots' hours come to, added up another way", { tags: ["slow"] }, () => {
    for (const tenure of ["buy", "reserved", "on-demand", "spot"] as const) {
      const request = smallRequest("cents");
      const candidate: Candidate = {
        ...{ accelerator: "H100 SXM", count: 8, slot: 4, precision: "float8", jobsAtOnce: 3 },
        ...{ policy: "mlora", tenure },
      };
      const input = judgeInput(request);
      const known = candidateFleet(candidate, request);
      if (!("fleet" in known)) throw new Error(known.detail);
      const judged = judgeAll(known, input);
      judged.draws.forEach(({ cost }, draw) => {
        const jobs = input.draws[draw]!;
        const { busySeconds } = simulateSlots(drawnFleet(known, draw), jobs);
        const all = 8 * 24 * request.forecast.days;
        const busy = busySeconds.map((seconds) => (seconds / 3600) * 4).reduce((a, b) => a + b, 0);
        const idle = Math.max(0, all - busy);
        const wattHours = 700 * busy + 700 * 0.2 * (idle - 0.3 * idle);
        const byHand = {
          buy: (30_000 / 4 / 8766) * (all - 0.3 * idle) + (wattHours / 1000) * 1.5 * 0.2,
          reserved: 2 * all,
          "on-demand": 3 * busy,
          spot: 1.5 * busy,
        };
        expect(Math.round(100 * cost.total)).toBe(Math.round(100 * byHand[tenure]));
      });
    }
  });
});
