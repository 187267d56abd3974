import { describe, expect, test } from "vitest";
import { constantCalibration, createCostModel, type Setting, withOwnWork } from "../../plan/index.ts";
import { OwedWork } from "../../sim/run/owed-work.ts";
import { planSmall, smallCase } from "../exec/small-run.ts";

type Own = Pick<Setting, "devices" | "stages">;

/** A pipeline of devices of one core each. */
function setting(stages: number): Own {
  const { devices, ...plan } = planSmall(smallCase([{}]), { devices: `unit*${stages}` });
  return { ...plan, devices: devices.map((device) => ({ ...device, kind: "cpu" as const, threads: 1 })) };
}

/** A burst comes with each second action. */
const COSTS = { perActionSeconds: 5e-6, burstSeconds: 10e-6 };

/** By how much each of some actions of a first stage is longer, of which one ends where the next begins. */
function delays(work: OwedWork, durationNs: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => {
    if (at > 0) work.ended(0, at * durationNs);
    return work.began(0, at * durationNs);
  });
}

describe("JavaScript's own work on the devices' cores", () => {
  test("makes an action longer in bursts where no core is idle, and none where one is", () => {
    expect(delays(new OwedWork(setting(1), { ...COSTS, cores: 1 }), 1e6, 4)).toEqual([0, 1e4, 0, 1e4]);
    expect(delays(new OwedWork(setting(1), { ...COSTS, cores: 2 }), 1e6, 4)).toEqual([0, 0, 0, 0]);
  });

  test("finds a core only when it has been idle for some milliseconds", () => {
    const work = new OwedWork(setting(2), { ...COSTS, cores: 2 });
    expect(work.began(0, 0)).toBe(0);
    expect(work.began(1, 0)).toBe(1e4);
    work.ended(1, 1e6);
    work.ended(0, 2e6);
    expect(work.began(0, 2e6)).toBe(0);
    work.ended(0, 3e6);
    // The other core is idle for 2 ms.
    expect(work.began(0, 3e6)).toBe(1e4);
    work.ended(0, 20e6);
    expect(work.began(0, 20e6)).toBe(0);
    work.ended(0, 21e6);
    expect(work.began(0, 21e6)).toBe(0);
  });

  test("takes no time of devices that have none of the machine's cores", () => {
    const { devices, ...own } = setting(1);
    const gpu = { ...own, devices: devices.map((device) => ({ ...device, kind: "cuda" as const })) };
    expect(delays(new OwedWork(gpu, { ...COSTS, cores: 1 }), 1e6, 4)).toEqual([0, 0, 0, 0]);
  });
});

test("costs with own work leave out for what share of a calibration's time it had the cores", () => {
  const plan = planSmall(smallCase([{}]), { devices: "unit*1" });
  const costs = { ...createCostModel(plan.calibration, "float32"), actionSeconds: () => 1 };
  const ownWork = { ...COSTS, cores: 2 };
  const action = undefined as never;
  expect(withOwnWork(costs, constantCalibration(), ownWork).actionSeconds(action)).toBe(1);
  expect(withOwnWork(costs, undefined, ownWork).ownWork).toEqual(ownWork);
  const machine = { host: "h", probes: [], states: [], interrupted: 0.2, ownInterrupted: 0.05 };
  const measured = { model: "measured", machine } as never;
  // 1 / 0.8 becomes 1 / 0.85.
  expect(withOwnWork(costs, measured, ownWork).actionSeconds(action)).toBeCloseTo(0.8 / 0.85, 12);
});
