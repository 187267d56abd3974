import { describe, expect, it } from "vitest";
import { spotPlan } from "../../capacity/spot.ts";
import { createRng } from "../../core/index.ts";

const SPOT = { perHour: 1, interruptionsPerDay: 24, noticeSeconds: 0, restartSeconds: 120, checkpointSeconds: 30 };
const HOUR = 3600;

/** Mean time of a job of so many seconds that writes a checkpoint after each interval but the last, interruptions drawn. */
function drawnSeconds(work: number, interval: number, checkpoint: number, restart: number, rate: number): number {
  const rng = createRng("interruptions");
  const until = (): number => -Math.log(1 - rng.nextFloat()) / rate;
  const runs = 4000;
  let total = 0;
  for (let run = 0; run < runs; run += 1) {
    let [now, next] = [0, until()];
    for (let left = work; left > 0; ) {
      const piece = left <= interval ? left : interval + checkpoint;
      if (now + piece <= next) {
        now += piece;
        left -= interval;
      } else {
        now = next;
        // A restart may be interrupted as well.
        for (next = now + until(); next - now < restart; next = now + until()) now = next;
        now += restart;
      }
    }
    total += now;
  }
  return total / runs;
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
    const drawn = drawnSeconds(work, interval, SPOT.checkpointSeconds, SPOT.restartSeconds, rate);
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
    const drawn = drawnSeconds(HOUR, HOUR, 0, SPOT.restartSeconds, rate);
    expect(without.expectedSeconds(HOUR) / drawn).toBeGreaterThan(0.95);
    expect(without.expectedSeconds(HOUR) / drawn).toBeLessThan(1.05);
    expect(without.expectedSeconds(4 * HOUR)).toBeGreaterThan(10 * plan.expectedSeconds(4 * HOUR));
  });

  it("loses only restarts where a notice is long enough for a checkpoint, and nothing where nobody interrupts", () => {
    const noticed = spotPlan({ ...SPOT, noticeSeconds: 60 });
    expect(noticed.intervalSeconds).toBeNull();
    expect(noticed.expectedSeconds(HOUR)).toBeLessThan(plan.expectedSeconds(HOUR));
    expect(noticed.expectedSeconds(HOUR)).toBeCloseTo(HOUR * (1 + rate * 30 + Math.expm1(rate * 120)), 6);
    expect(spotPlan({ ...SPOT, interruptionsPerDay: 0 }).expectedSeconds(HOUR)).toBe(HOUR);
  });
});
