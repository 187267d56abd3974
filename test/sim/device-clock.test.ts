import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCostModel, fleetSetting, policyOf, Scheduler, settingResources } from "../../plan/index.ts";
import { DeviceClock, fleetTwin, worksOfPlan } from "../../sim/index.ts";
import { planSmall, smallCase } from "../exec/small-run.ts";

const SECOND = 1e9;

describe("a device's clock", () => {
  it("goes slower where actions take longer, and ends them where it has gone so far", () => {
    const clock = new DeviceClock(10, [1, 2, 0.5]);
    expect([0, 10, 20, 30, 40].map((ns) => clock.workNs(ns))).toEqual([0, 10, 15, 35, 55]);
    // 5 ns of work to the end of the first window, 5 of work in 10 ns, and the rest twice as fast.
    expect(clock.endNs(5, 20)).toBe(25);
    expect(clock.endNs(100, 20)).toBe(110);
    expect(clock.slower).toBeCloseTo(30 / 35);
    expect(() => new DeviceClock(10, [])).toThrow("positive");
    expect(() => new DeviceClock(10, [1, 0])).toThrow("positive");
  });

  it("has gone as far as an action is long between its start and its end", () => {
    const factors = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(factors, fc.nat(3000), fc.nat(3000), (slower, startNs, predictedNs) => {
        const clock = new DeviceClock(100, slower);
        const endNs = clock.endNs(startNs, predictedNs);
        // Rounded to a whole nanosecond, of which the clock goes at most ten.
        expect(Math.abs(clock.workNs(endNs) - clock.workNs(startNs) - predictedNs)).toBeLessThanOrEqual(5.001);
      }),
      { endOnFailure: true },
    );
  });

  it("makes each pipeline of a fleet slower by itself", () => {
    const jobs = [{ steps: 20 }, { steps: 20 }];
    const plan = planSmall(smallCase(jobs), { devices: "unit*2", groups: "unfused", pipelines: 2 });
    const setting = fleetSetting(plan);
    const works = worksOfPlan(plan);
    const costs = createCostModel(plan.calibration, "float32");
    const resources = settingResources({ setting, works, iterationNs: () => SECOND });
    const request = { user: "", priority: 0, arrivalNs: 0, deadlineNs: null, iterations: 20, tokens: 1 };
    const requests = works.map(({ job }) => ({ ...request, name: job.name }));
    const happenings = { requests, asked: [], seen: () => [] };
    const endsWith = (clocks?: readonly DeviceClock[]): readonly number[] => {
      const scheduler = new Scheduler(policyOf("fifo", resources), resources);
      const { outcomes } = fleetTwin({ setting, costs, works, happenings, scheduler, clocks });
      return outcomes.map(({ endNs }) => endNs!);
    };
    const [first, second] = endsWith();
    const clocks = [new DeviceClock(SECOND, [1]), new DeviceClock(SECOND, [3])];
    expect(endsWith(clocks)).toEqual([first, 3 * second!]);
    // Slow until its first half has ended.
    const half = Math.round(second! / SECOND / 2);
    const slowAtFirst = new DeviceClock(SECOND, [...Array.from({ length: 3 * half }, () => 3), 1]);
    expect(endsWith([clocks[0]!, slowAtFirst])[1]).toBe(second! + 2 * half * SECOND);
  });
});
