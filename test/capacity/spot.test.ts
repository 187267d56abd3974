import { describe, expect, it } from "vitest";
import { type SpotPlan, spotPlan } from "../../capacity/spot.ts";
import { createRng, mean, quantile } from "../../core/index.ts";

const SPOT = { perHour: 1, interruptionsPerDay: 24, noticeSeconds: 0, restartSeconds: 120, checkpointSeconds: 30 };
const HOUR = 3600;

/** Mean time of a job of so many seconds, interruptions drawn. */
function meanDrawn({ drawnSeconds }: SpotPlan, work: number, runs = 4000): number {
  const rng = createRng("interruptions");
  return mean(Array.from({ length: runs }, () => drawnSeconds(work, rng)));
}

describe("a job on accelerators that may be taken away", () => {
  const rate = SPOT.interruptionsPerDay / 86_400;
  const plan = spotPlan(SPOT);

  it("writes checkpoints at the interval that costs least", () => {
    const interval = plan.intervalSeconds!;
    const at = (seconds: number): number =>
      ((1 / rate + SPOT.restartSeconds) * Math.expm1(rate * (seconds + SPOT.checkpointSeconds))) / seconds;
    for (let factor = 0.2; factor < 5; factor *= 1.05)
      expect(at(factor * interval)).toBeGreaterThanOrEqual(at(interval) - 1e-12);
    // Young's first order is near where interruptions are few.
    expect(interval / Math.sqrt((2 * SPOT.checkpointSeconds) / rate)).toBeGreaterThan(0.8);
    expect(interval / Math.sqrt((2 * SPOT.checkpointSeconds) / rate)).toBeLessThan(1.2);
  });

  it.each([0.3, 1, 1.5, 20])("takes as long as when interruptions are drawn, for %f intervals of work", (intervals) => {
    const interval = plan.intervalSeconds!;
    const work = intervals * interval;
    const drawn = meanDrawn(plan, work);
    expect(plan.expectedSeconds(work) / drawn).toBeGreaterThan(0.98);
    expect(plan.expectedSeconds(work) / drawn).toBeLessThan(1.02);
  });

  it("takes no less for more work", () => {
    let before = 0;
    for (let work = 60; work < 8 * HOUR; work += 97) {
      const now = plan.expectedSeconds(work);
      expect(now).toBeGreaterThan(Math.max(before, work));
      before = now;
    }
  });

  it("begins anew without checkpoints, which long jobs do not survive", () => {
    const without = spotPlan({ ...SPOT, checkpointSeconds: 0 });
    const drawn = meanDrawn(without, HOUR);
    expect(without.expectedSeconds(HOUR) / drawn).toBeGreaterThan(0.95);
    expect(without.expectedSeconds(HOUR) / drawn).toBeLessThan(1.05);
    expect(without.expectedSeconds(4 * HOUR)).toBeGreaterThan(10 * plan.expectedSeconds(4 * HOUR));
  });

  it("loses only restarts where a notice is long enough for a checkpoint, and nothing where nobody interrupts", () => {
    const noticed = spotPlan({ ...SPOT, noticeSeconds: 60 });
    expect(noticed.intervalSeconds).toBeNull();
    expect(noticed.expectedSeconds(HOUR)).toBeLessThan(plan.expectedSeconds(HOUR));
    expect(noticed.expectedSeconds(HOUR)).toBeCloseTo(HOUR * (1 + rate * 30 + Math.expm1(rate * 120)), 6);
    expect(meanDrawn(noticed, HOUR) / noticed.expectedSeconds(HOUR)).toBeCloseTo(1, 2);
    const never = spotPlan({ ...SPOT, interruptionsPerDay: 0 });
    expect([never.expectedSeconds(HOUR), meanDrawn(never, HOUR, 1)]).toEqual([HOUR, HOUR]);
  });

  it("takes work and nothing else where it is lucky, and more by the hour where it is not", () => {
    const rng = createRng("courses");
    const courses = Array.from({ length: 2000 }, () => plan.drawnSeconds(2 * HOUR, rng));
    const numCheckpoints = Math.ceil((2 * HOUR) / plan.intervalSeconds!) - 1;
    const lucky = 2 * HOUR + numCheckpoints * SPOT.checkpointSeconds;
    expect(Math.min(...courses)).toBeCloseTo(lucky, 6);
    // Two interruptions are expected, and none in one of seven.
    expect(courses.filter((seconds) => seconds < lucky + 1).length / 2000).toBeCloseTo(Math.exp(-rate * lucky), 1);
    expect(quantile(courses, 0.95)).toBeGreaterThan(1.1 * plan.expectedSeconds(2 * HOUR));
    const without = spotPlan({ ...SPOT, checkpointSeconds: 0 });
    // Nobody draws what ends after centuries.
    expect(without.drawnSeconds(24 * HOUR, rng)).toBe(without.expectedSeconds(24 * HOUR));
  });
});
