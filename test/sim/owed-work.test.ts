import { describe, expect, test } from "vitest";
import { constantCalibration, createCostModel, QUEUED, type Setting, withOwnWork } from "../../plan/index.ts";
import { OwedWork } from "../../sim/run/owed-work.ts";
import { planSmall, smallCase } from "../exec/small-run.ts";

const SEGMENT_NS = (QUEUED.leastNs + QUEUED.mostNs) / 2;
/** Of a plan's segment: 1 % of the work that it is cut at. */
const SEGMENT_SECONDS = (0.01 * SEGMENT_NS) / 1e9;

type Own = Pick<Setting, "devices" | "stages" | "pipelines">;

/** A pipeline of devices of one core each. */
function setting(stages: number): Own {
  const { devices, ...plan } = planSmall(smallCase([{}]), { devices: `unit*${stages}` });
  return { ...plan, devices: devices.map((device) => ({ ...device, kind: "cpu" as const, threads: 1 })) };
}

describe("JavaScript's own work on the devices' cores", () => {
  test("makes an action wait where no core is idle, and not where one is", () => {
    const alone = { segmentSeconds: SEGMENT_SECONDS, cores: 1 };
    expect(new OwedWork(setting(1), alone).began(0, 1e6, 0)).toBe(1e4);
    expect(new OwedWork(setting(1), { ...alone, cores: 2 }).began(0, 1e6, 0)).toBe(0);
  });

  test("is done on an idle core, as far as there is time", () => {
    const work = new OwedWork(setting(2), { segmentSeconds: SEGMENT_SECONDS, cores: 2 });
    // Of a pipeline of two devices a segment is cut at the work of both.
    expect(work.began(0, 2e6, 0)).toBe(0);
    expect(work.began(1, 2e6, 4000)).toBe(1e4 - 4000 + 1e4);
    work.ended(0, 10_000);
    work.ended(1, 10_000);
    expect(work.began(1, 2e6, 10_000)).toBe(0);
    expect(work.began(0, 2e6, 1e9)).toBe(1e4);
  });

  test("takes no time of devices that have none of the machine's cores", () => {
    const { devices, ...own } = setting(1);
    const gpu = { ...own, devices: devices.map((device) => ({ ...device, kind: "cuda" as const })) };
    expect(new OwedWork(gpu, { segmentSeconds: 1, cores: 1 }).began(0, 1e9, 0)).toBe(0);
  });
});

test("costs with own work leave out for what share of a calibration's time it had the cores", () => {
  const plan = planSmall(smallCase([{}]), { devices: "unit*1" });
  const costs = { ...createCostModel(plan.calibration, "float32"), actionSeconds: () => 1 };
  const ownWork = { segmentSeconds: 1, cores: 2 };
  const action = undefined as never;
  expect(withOwnWork(costs, constantCalibration(), ownWork).actionSeconds(action)).toBe(1);
  expect(withOwnWork(costs, undefined, ownWork).ownWork).toEqual(ownWork);
  const machine = { host: "h", probes: [], states: [], interrupted: 0.2, ownInterrupted: 0.05 };
  const measured = { model: "measured", machine } as never;
  // 1 / 0.8 becomes 1 / 0.85.
  expect(withOwnWork(costs, measured, ownWork).actionSeconds(action)).toBeCloseTo(0.8 / 0.85, 12);
});
