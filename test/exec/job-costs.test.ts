import { expect, test } from "vitest";
import { sum } from "../../core/index.ts";
import { Spending } from "../../plan/index.ts";
import { runMetrics } from "../../traces/index.ts";
import { runSmall, smallCase, TWO_JOBS } from "./small-run.ts";

const GIVEN = smallCase([...TWO_JOBS, { rank: 7, steps: 4 }, { rank: 3, steps: 2, targets: ["v_proj"] }]);

test.each([
  ["unfused", "cpu:0,cpu:1"],
  ["auto", "cpu:0,cpu:1"],
  [1, "cpu:0"],
] as const)(
  "what jobs take adds up to what devices were busy as they report it: groups %s on %s",
  async (groups, devices) => {
    let spending: Spending | undefined;
    const count = devices.split(",").length;
    const { plan, trace } = await runSmall(GIVEN, {
      ...{ devices, groups },
      hooks: {
        onEvent(event) {
          spending ??= new Spending(Array.from({ length: count }, () => ({})));
          if (event.kind === "spent") spending.add(event.shares);
        },
      },
    });
    const metrics = runMetrics(plan, trace);
    const ns = (seconds: number): number => Math.round(seconds * 1e9);
    const busyNs = sum(metrics.devices.map(({ busySeconds }) => ns(busySeconds)));
    expect(sum(metrics.jobs.map(({ deviceSeconds }) => ns(deviceSeconds)))).toBe(busyNs);
    for (const { name, deviceSeconds } of metrics.jobs) {
      expect(deviceSeconds).toBeGreaterThan(0);
      // What is told while it trains is the same; a clock of another machine may round otherwise.
      expect(Math.abs(ns(spending!.of(name).deviceSeconds) - ns(deviceSeconds))).toBeLessThanOrEqual(
        trace.events.length,
      );
    }
  },
);
