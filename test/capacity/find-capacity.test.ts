import { describe, expect, it } from "vitest";
import { boundsOf } from "../../capacity/bounds.ts";
import { candidateFleet } from "../../capacity/candidate-fleet.ts";
import { findCapacity, judgeInput, meanCost } from "../../capacity/find-capacity.ts";
import { drawnFleet, judgeAll } from "../../capacity/judge-candidate.ts";
import { simulateSlots } from "../../capacity/slot-fleet.ts";
import { smallRequest } from "./small-world.ts";

const SEEDS = Array.from({ length: 200 }, (_, seed) => `small case ${seed}`);

describe("the search", () => {
  it("finds what simulating every candidate finds, and leaves out none that would have been better", () => {
    const seen = { meets: 0, "cannot keep the level": 0, "costs more": 0 };
    for (const seed of SEEDS) {
      const request = smallRequest(seed);
      const [pruned, whole] = [findCapacity(request), findCapacity({ ...request, isExhaustive: true })];
      expect(whole.pruned).toEqual([]);
      const two = (answer: typeof whole) => answer.meets.slice(0, 2).map((each) => [each.candidate, meanCost(each)]);
      expect(two(pruned), seed).toEqual(two(whole));
      seen.meets += whole.meets.length;
      for (const { candidate, why, leastCost } of pruned.pruned) {
        seen[why] += 1;
        const found = [...whole.meets, ...whole.misses].find((each) => each.candidate === candidate)!;
        if (why === "cannot keep the level") expect(found.meets, seed).toBe(false);
        if (found.meets) expect(meanCost(found), seed).toBeGreaterThanOrEqual(leastCost);
      }
    }
    // Each of them was there to be seen.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(50);
  }, 300_000);

  it("cannot fall below its bounds, whatever the policy", () => {
    let [kept, tight] = [0, 0];
    for (const seed of SEEDS.slice(0, 60)) {
      const request = smallRequest(seed);
      const input = judgeInput(request);
      for (const candidate of request.candidates) {
        const known = candidateFleet(candidate, request);
        if (!("fleet" in known)) continue;
        judgeAll(known, input).draws.forEach(({ hours, utilisation }, draw) => {
          const jobs = input.draws[draw]!;
          const bounds = boundsOf(drawnFleet(known, draw), jobs, input.groups);
          const busy = utilisation * candidate.count * input.hours * (3600 / candidate.slot);
          expect(busy).toBeGreaterThanOrEqual(bounds.busySeconds * (1 - 1e-9));
          hours.forEach((each, group) => {
            const least = bounds.hours[group]!;
            if (least === Number.POSITIVE_INFINITY) expect(each).toBeGreaterThan(input.groups[group]!.level.hours);
            else expect(each).toBeGreaterThanOrEqual(least * (1 - 1e-9));
            kept += 1;
            if (least > 0.5 * each) tight += 1;
          });
        });
      }
    }
    expect(kept).toBeGreaterThan(500);
    expect(tight).toBeGreaterThan(kept / 4);
  }, 300_000);

  it("says the same twice", () => {
    const request = smallRequest("twice");
    const text = () => JSON.stringify(findCapacity(request).meets.map((each) => [each.candidate, each.draws]));
    expect(text()).toBe(text());
  });
});

describe("a candidate that is simulated", () => {
  it("trains every job, and is busy for what they train", () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const request = smallRequest(seed);
      const input = judgeInput(request);
      for (const candidate of request.candidates) {
        const known = candidateFleet({ ...candidate, jobsAtOnce: 1 }, request);
        if (!("fleet" in known)) continue;
        const jobs = input.draws[0]!;
        const { turnaroundSeconds, busySeconds } = simulateSlots(known.fleet, jobs);
        expect(turnaroundSeconds.every((seconds) => Number.isFinite(seconds))).toBe(true);
        const { fleet } = known;
        const alone = jobs.map(({ kind, steps }) =>
          fleet.expectedSeconds(fleet.startSeconds + steps * fleet.times.stepSeconds([kind])),
        );
        const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
        expect(total(busySeconds) / total(alone)).toBeCloseTo(1, 6);
      }
    }
  }, 60_000);
});
