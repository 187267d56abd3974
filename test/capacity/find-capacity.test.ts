// @module-tag slow
import { describe, expect, it } from "vitest";
import { boundsOf } from "../../capacity/bounds.ts";
import { candidateFleet } from "../../capacity/candidate-fleet.ts";
import { type CapacityRequest, findCapacity, judgeInput } from "../../capacity/find-capacity.ts";
import { judgeAll } from "../../capacity/judge-candidate.ts";
import { simulatedCandidate } from "../../capacity/simulated-candidate.ts";
import { drawnFleet } from "../../capacity/simulated-draws.ts";
import { simulateSlots } from "../../capacity/slot-fleet.ts";
import { OBJECTIVES } from "../../plan/index.ts";
import { isNightly } from "../level.ts";
import { smallRequest } from "./small-world.ts";

/** By day some that have all kinds of answers. */
const NUMBERS = isNightly ? Array.from({ length: 200 }, (_, seed) => seed) : [0, 2, 3, 4, 8];
const SEEDS = NUMBERS.map((seed) => `small case ${seed}`);

describe("the search", () => {
  it.each(OBJECTIVES)(
    "finds what simulating every candidate finds by %s, and leaves out none that is better",
    async (objective) => {
      const seen = { meets: 0, "cannot keep the level": 0, "comes behind": 0 };
      for (const [index, seed] of SEEDS.entries()) {
        // Some have more draws near the edge.
        const request = { ...smallRequest(seed), objective, ...(index % 10 === 0 ? { mostDraws: 12 } : {}) };
        const pruned = await findCapacity(request);
        const whole = await findCapacity({ ...request, isExhaustive: true });
        expect(whole.pruned).toEqual([]);
        const two = (answer: typeof whole) => answer.meets.slice(0, 2).map((each) => [each.candidate, each.value]);
        expect(two(pruned), seed).toEqual(two(whole));
        seen.meets += whole.meets.length;
        for (const { candidate, why, least } of pruned.pruned) {
          seen[why] += 1;
          const found = [...whole.meets, ...whole.misses].find((each) => each.candidate === candidate)!;
          if (why === "cannot keep the level") expect(found.judgement.meets, seed).toBe(false);
          if (found.judgement.meets) expect(found.value, seed).toBeGreaterThanOrEqual(least);
        }
      }
      // Each of them was there to be seen.
      expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(SEEDS.length / 4);
    },
    300_000,
  );

  it("cannot fall below its bounds, whatever the policy", () => {
    let [kept, tight] = [0, 0];
    for (let seed = 0; seed < (isNightly ? 60 : 15); seed += 1) {
      const request = smallRequest(`small case ${seed}`);
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
    expect(kept).toBeGreaterThan(isNightly ? 500 : 125);
    expect(tight).toBeGreaterThan(kept / 4);
  }, 300_000);

  it("says the same twice, and whoever simulates how many candidates ahead", async () => {
    let cases = 0;
    for (const seed of SEEDS.slice(0, 10)) {
      const request = smallRequest(seed);
      const text = async (more: Partial<CapacityRequest> = {}): Promise<string> => {
        const { meets, misses, pruned } = await findCapacity({ ...request, ...more });
        const told = [...meets, ...misses].map((each) => [each.candidate, each.draws]);
        return JSON.stringify([told, pruned.map((each) => [each.candidate, each.why])]);
      };
      const { candidates: _candidates, ...shared } = request;
      let asked = 0;
      const ahead = (batch: number): Partial<CapacityRequest> => ({
        ahead: {
          batch,
          async simulate(candidates) {
            asked += candidates.length;
            return candidates.flatMap((candidate) => simulatedCandidate({ ...shared, candidate }));
          },
        },
      });
      const alone = await text();
      expect(await text()).toBe(alone);
      for (const batch of [1, 3, 100]) expect(await text(ahead(batch)), seed).toBe(alone);
      // Of some cases bounds say everything.
      if (asked > 0) cases += 1;
      const seen = new Map();
      await text({ seen, ...ahead(2) });
      asked = 0;
      expect(await text({ seen, ...ahead(2) })).toBe(alone);
      expect(asked).toBe(0);
    }
    expect(cases).toBeGreaterThan(isNightly ? 5 : 1);
  }, 60_000);
});

describe("a candidate that is simulated", () => {
  it("trains every job, and is busy for what they train", () => {
    for (const seed of SEEDS.slice(0, 20)) {
      const request = smallRequest(seed);
      const input = judgeInput(request);
      for (const candidate of request.candidates) {
        const known = candidateFleet({ ...candidate, jobsAtOnce: 1, policy: "fifo" }, request);
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
