import fc from "fast-check";
import { expect, test } from "vitest";
import { createCostModel, type PlanBody } from "../../plan/index.ts";
import { simulate, simulateBlocking } from "../../sim/index.ts";
import type { Trace, TraceEvent } from "../../traces/index.ts";
import { type UnitPlanOptions, unitPlan } from "../plan/unit-plan.ts";

function optionsOf(plan: PlanBody) {
  return { plan, planHash: "", costModel: createCostModel(plan.calibration, plan.model.dtype) };
}

function endOf({ startNs, durationNs }: TraceEvent): number {
  return startNs + durationNs;
}

function makespan({ events }: Trace): number {
  return Math.max(...events.filter(({ stream }) => stream === "compute").map(endOf));
}

function computed({ events }: Trace): readonly string[] {
  return events
    .filter(({ stream }) => stream === "compute")
    .map(({ action, startNs, durationNs }) => `${action} ${startNs} ${durationNs}`)
    .sort();
}

const anyPlan = fc.record({
  numDevices: fc.integer({ min: 1, max: 4 }),
  numJobs: fc.integer({ min: 1, max: 4 }),
  parts: fc.integer({ min: 1, max: 3 }),
  steps: fc.integer({ min: 1, max: 3 }),
  schedule: fc.constantFrom("lorapp", "lorapp-gpipe", "1f1b", "gpipe", "sequential"),
  update: fc.constantFrom(0, 0.5),
  maxInFlight: fc.constant("none"),
}) as fc.Arbitrary<UnitPlanOptions>;

test("where transfers take no time, blocking for them changes nothing", () => {
  fc.assert(
    fc.property(anyPlan, fc.boolean(), (options, isClipped) => {
      const plan = unitPlan({ ...options, ...(isClipped ? { maxGradNorm: 1 } : {}) });
      const [overlapped, blocking] = [simulate(optionsOf(plan)), simulateBlocking(optionsOf(plan))];
      expect(computed(blocking)).toEqual(computed(overlapped));
      expect(Math.max(...blocking.counters.map(({ value }) => value))).toBe(
        Math.max(...overlapped.counters.map(({ value }) => value)),
      );
    }),
    { numRuns: 60 },
  );
});

test("every plan that runs with overlap runs without, never faster, and nothing computes while its device moves a message", () => {
  fc.assert(
    fc.property(anyPlan, fc.constantFrom(0.1, 0.5, 2), (options, transfer) => {
      const plan = unitPlan({ ...options, transfer });
      const trace = simulateBlocking(optionsOf(plan));
      expect(makespan(trace)).toBeGreaterThanOrEqual(makespan(simulate(optionsOf(plan))));
      for (const [device] of plan.devices.entries()) {
        const own = trace.events
          .filter((event) => event.device === device && event.durationNs > 0)
          .sort((a, b) => a.startNs - b.startNs);
        own.slice(1).forEach((event, index) => {
          expect(event.startNs).toBeGreaterThanOrEqual(endOf(own[index]!));
        });
      }
    }),
    { numRuns: 60 },
  );
});

test("a stage in the middle takes 2 sends, 2 receives, F and B a micro-batch without overlap, and F and B with it", () => {
  const perMicroBatch = (run: (options: ReturnType<typeof optionsOf>) => Trace): number => {
    const [few, many] = [40, 80].map((parts) =>
      makespan(
        run(
          optionsOf(
            unitPlan({
              numDevices: 3,
              numJobs: 1,
              parts,
              steps: 1,
              schedule: "gpipe",
              transfer: 0.25,
              maxInFlight: "none",
            }),
          ),
        ),
      ),
    );
    return (many! - few!) / 40 / 1e9;
  };
  expect(perMicroBatch(simulateBlocking)).toBeCloseTo(2 * 0.25 + 2 * 0.25 + 1 + 2, 9);
  // max(C_send, C_recv, D_f) + max(C_send, C_recv, D_b)
  expect(perMicroBatch(simulate)).toBeCloseTo(1 + 2, 9);
});

test("LoRAPP's steady state has no bubble with overlap, and without it each stage also waits for its messages", () => {
  const run = { numDevices: 4, numJobs: 4, parts: 1, transfer: 0.25, maxInFlight: "none" } as const;
  const period = (simulated: (options: ReturnType<typeof optionsOf>) => Trace): number => {
    const [few, many] = [10, 20].map((steps) => makespan(simulated(optionsOf(unitPlan({ ...run, steps })))));
    return (many! - few!) / 10 / 1e9;
  };
  expect(period(simulate)).toBeLessThan(period(simulateBlocking));
  expect(period(simulateBlocking)).toBeGreaterThanOrEqual(4 * (3 + 4 * 0.25) - 1e-9);
});
