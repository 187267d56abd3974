import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../../core/index.ts";
import { timelineOf } from "../../plan/actions/timeline.ts";
import { normSignals } from "../../plan/costs/norm-signal.ts";
import {
  type CostModel,
  createCostModel,
  dependencyTable,
  PASSES,
  passCode,
  planOrders,
  SCHEDULES,
} from "../../plan/index.ts";
import { makePlan } from "../../plan/planner/make-plan.ts";
import { simulate } from "../../sim/index.ts";
import { type UnitPlanOptions, unitCalibration, unitPlan, unitRequest } from "../plan/unit-plan.ts";

const options = fc.record({
  schedule: fc.constantFrom(...SCHEDULES),
  numDevices: fc.integer({ min: 1, max: 5 }),
  numJobs: fc.integer({ min: 1, max: 4 }),
  parts: fc.integer({ min: 1, max: 4 }),
  steps: fc.integer({ min: 1, max: 4 }),
  update: fc.constantFrom(0, 0.5),
  maxInFlight: fc.constantFrom("auto" as const, "none" as const, 4),
});

function simulated(planned: UnitPlanOptions, costModel: CostModel) {
  const plan = unitPlan(planned);
  return { plan, trace: simulate({ plan, planHash: "", costModel }) };
}

describe("what the planner makes", () => {
  it("runs in the planned buffers and order, whatever its actions and messages really take", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(options, fc.nat(), (planned, seed) => {
        const rng = createRng(seed);
        const erratic: CostModel = {
          actionSeconds: () => 10 * rng.nextFloat() ** 4,
          linkCost: () => ({ latencySeconds: 5 * rng.nextFloat() ** 4, bytesPerSecond: 1e5 + 1e6 * rng.nextFloat() }),
        };
        const { plan, trace } = simulated(
          { ...planned, lengths: { distribution: "uniform", min: 1, max: 99 } },
          erratic,
        );
        plan.actions.forEach((keys, device) => {
          const computed = trace.events.filter((event) => event.device === device && event.stream === "compute");
          expect(computed.map((event) => event.action)).toEqual(keys);
        });
      }),
    );
  });

  it("starts each action when the planner expects it to, as long as transfers are free", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(options, (planned) => {
        const { plan, trace } = simulated(planned, createCostModel(unitCalibration(planned), "float32"));
        const seconds = { F: 1, B: 2, U: planned.update };
        const costs = {
          durationNs: (_: number, letter: number) => seconds[PASSES[passCode(letter)]!] * 1e9,
          transferNs: () => 0,
        };
        const { startNs } = timelineOf(planOrders(plan), dependencyTable(plan), costs);
        startNs.forEach((starts, device) => {
          const computed = trace.events.filter((event) => event.device === device && event.stream === "compute");
          expect(computed.map((event) => event.startNs)).toEqual([...starts]);
        });
      }),
    );
  });

  it("updates clipping jobs on several machines as soon as their norms are there, as the planner expects", {
    tags: ["slow"],
  }, () => {
    // Transfers are short enough that no forward waits for an outgoing buffer.
    const machines = fc.constantFrom("ab", "aab", "aba", "abc", "abcc");
    fc.assert(
      fc.property(options, machines, fc.constantFrom(0.25, 0.5, 1), (given, names, transfer) => {
        const request = unitRequest({ ...given, transfer, maxGradNorm: 1 });
        const devices = request.devices.map((device, at) => ({ ...device, machine: names[at % names.length]! }));
        const costModel = createCostModel(request.calibration, "float32");
        const plan = makePlan({ ...request, devices });
        const trace = simulate({ plan, planHash: "", costModel });
        const seconds = { F: 1, B: 2, U: given.update };
        const signals = normSignals(devices, plan.links, costModel);
        const { startNs } = timelineOf(planOrders(plan), dependencyTable(plan), {
          durationNs: (_: number, letter: number) => seconds[PASSES[passCode(letter)]!] * 1e9,
          transferNs: () => transfer * 1e9,
          signalNs: (stage) => signals[stage]!,
        });
        startNs.forEach((starts, device) => {
          const computed = trace.events.filter((event) => event.device === device && event.stream === "compute");
          expect(computed.map((event) => event.startNs)).toEqual([...starts]);
        });
      }),
    );
  });
});
