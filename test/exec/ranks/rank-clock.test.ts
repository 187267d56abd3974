import { describe, expect, test } from "vitest";
import { createRng } from "../../../core/index.ts";
import { RankClock } from "../../../exec/ranks/rank-clock.ts";

const SECOND = 1e9;

describe("the clock of another rank", () => {
  test("is found by its offset, and by its drift from the second reading on", () => {
    const clock = new RankClock(0);
    // 5 s behind, and 20 parts in a million too slow.
    const offsetAt = (own: number): number => 5 * SECOND + 20e-6 * own;
    for (let own = 0; own <= 100 * SECOND; own += 10 * SECOND)
      clock.add({ ownNs: own, offsetNs: offsetAt(own), roundTripNs: 10_000 });
    const own = 105 * SECOND;
    expect(Math.abs(clock.atRank0(own) - own - offsetAt(own))).toBeLessThan(1000);
    const { driftPpm, errorSeconds, comparisons } = clock.stateOf("b")!;
    expect(driftPpm).toBeCloseTo(20, 6);
    expect(errorSeconds).toBe(5e-6);
    expect(comparisons).toBe(11);
  });

  test("keeps the order of its times, whenever readings come and however wrong they are", () => {
    const clock = new RankClock(7);
    const rng = createRng("readings");
    let last = Number.NEGATIVE_INFINITY;
    for (let own = 0; own < 60 * SECOND; own += 0.01 * SECOND) {
      // A reading is of a time that has passed when it comes.
      if (rng.nextInt(500) === 0 || own === 0)
        clock.add({ ownNs: own, offsetNs: 3 * SECOND + (rng.nextFloat() - 0.5) * 4e6, roundTripNs: 4e6 });
      const time = clock.atRank0(own - 0.005 * SECOND);
      expect(time).toBeGreaterThan(last);
      last = time;
    }
  });

  test("keeps the order of times that are told while clocks are compared", () => {
    const clock = new RankClock(0);
    const rng = createRng("late readings");
    clock.add({ ownNs: 0, offsetNs: 0, roundTripNs: 4e6 });
    let last = Number.NEGATIVE_INFINITY;
    for (let own = 10 * SECOND; own < 200 * SECOND; own += 10 * SECOND) {
      for (const late of [-0.1, 0, 0.19, 0.199_999]) {
        last = clock.atRank0(own + late * SECOND);
      }
      clock.add({ ownNs: own, offsetNs: (rng.nextFloat() - 0.5) * 4e6, roundTripNs: 4e6 });
      const next = clock.atRank0(own + 0.2 * SECOND);
      expect(next - last).toBeGreaterThan(990);
      expect(next - last).toBeLessThan(1010);
    }
  });
});
