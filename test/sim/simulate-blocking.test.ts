import fc from "fast-check";
import { expect, test } from "vitest";
import { createCostModel, type PlanBody } from "../../plan/index.ts";
import { drawFigures, simulate, simulateBlocking } from "../../sim/index.ts";
import { runMetrics, type Trace, type TraceEvent } from "../../traces/index.ts";
import { type UnitPlanOptions, unitPlan } from "../plan/unit-plan.ts";
import { firstDraws } from "./drawn-costs.ts";

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

/** The plan with the links at these boundaries marked as blocking. */
function marked(plan: PlanBody, isBlocking: (boundary: number) => boolean): PlanBody {
  return {
    ...plan,
    links: plan.links.map((link, boundary) => ({ ...link, ...(isBlocking(boundary) && { transfers: "blocking" }) })),
  } as PlanBody;
}

const GPIPE = { numDevices: 3, numJobs: 1, parts: 2, steps: 1, schedule: "gpipe", transfer: 0.5 } as const;

/** `stream action@start-end` of each device in order of time, in seconds; updates take no time. */
function rows({ events, devices }: Trace): readonly string[] {
  return devices.map((_, device) =>
    events
      .filter((event) => event.device === device && event.letter !== "U")
      .sort((a, b) => a.startNs - b.startNs || (a.stream < b.stream ? -1 : 1))
      .map((event) => `${event.stream[0]} ${event.action}@${event.startNs / 1e9}-${endOf(event) / 1e9}`)
      .join(", "),
  );
}

test("a blocking link takes the compute streams of its two sides, and the link beside it none", () => {
  expect(rows(simulate(optionsOf(marked(unitPlan(GPIPE), (boundary) => boundary === 0))))).toEqual([
    "c 0F0@0-1, s 0F0@1-1.5, c 0F1@1.5-2.5, s 0F1@2.5-3, r 1B1@10-10.5, c 0B1@10.5-12.5, r 1B0@12.5-13, c 0B0@13-15",
    [
      "r 0F0@1-1.5, c 1F0@1.5-2.5, r 0F1@2.5-3, s 1F0@2.5-3, c 1F1@3-4, s 1F1@4-4.5",
      "r 2B1@7.5-8, c 1B1@8-10, r 2B0@9.5-10, s 1B1@10-10.5, c 1B0@10.5-12.5, s 1B0@12.5-13",
    ].join(", "),
    "r 1F0@2.5-3, c 2F0@3-4, r 1F1@4-4.5, c 2F1@4.5-5.5, c 2B1@5.5-7.5, c 2B0@7.5-9.5, s 2B1@7.5-8, s 2B0@9.5-10",
  ]);
});

test("a receiver at work keeps no sender waiting, and takes the message's time when its turn comes", () => {
  const plan = marked(unitPlan({ ...GPIPE, numDevices: 2, transfer: 0.25 }), () => true);
  const slow = { ...optionsOf(plan), costModel: createCostModel(plan.calibration, "float32") };
  const { actionSeconds } = slow.costModel;
  const costModel = {
    ...slow.costModel,
    actionSeconds: (action: Parameters<typeof actionSeconds>[0]) =>
      actionSeconds(action) * (action.shape.stage.index === 1 ? 2 : 1),
  };
  const [sender, receiver] = rows(simulate({ ...slow, costModel }));
  expect(sender).toMatch(/^c 0F0@0-1, s 0F0@1-1.25, c 0F1@1.25-2.25, s 0F1@2.25-2.5, /);
  expect(receiver).toMatch(/^r 0F0@1-1.25, c 1F0@1.25-3.25, r 0F1@3.25-3.5, c 1F1@3.5-5.5, /);
});

test("all links marked are --no-overlap, and some take no less than none and no more than all", () => {
  fc.assert(
    fc.property(anyPlan, fc.constantFrom(0.1, 0.5, 2), fc.integer({ min: 0, max: 7 }), (options, transfer, mask) => {
      const plan = unitPlan({ ...options, transfer });
      const [overlapped, blocking] = [simulate(optionsOf(plan)), simulateBlocking(optionsOf(plan))];
      expect(simulate(optionsOf(marked(plan, () => true)))).toEqual(plan.links.length === 0 ? overlapped : blocking);
      const none = simulateBlocking(optionsOf(plan), "marked");
      // Without limits of buffers a forward may start earlier than it does in a plan whose links all overlap.
      expect(makespan(none)).toBeLessThanOrEqual(makespan(overlapped));
      const some = makespan(simulate(optionsOf(marked(plan, (boundary) => ((mask >> boundary) & 1) === 1))));
      expect(some).toBeGreaterThanOrEqual(makespan(none));
      expect(some).toBeLessThanOrEqual(makespan(blocking));
    }),
    { numRuns: 60 },
  );
});

test("draws without overlap have the figures of the traces, and with no error those of the run", () => {
  for (const isBlocking of [() => true, (boundary: number) => boundary === 1]) {
    const plan = marked(unitPlan({ ...GPIPE, numJobs: 3, schedule: "lorapp", steps: 6 }), isBlocking);
    const { makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, jobs } = runMetrics(
      { ...plan, hash: "" },
      simulate(optionsOf(plan)),
    );
    const turnaroundSeconds = jobs.map((job) => job.turnaroundSeconds);
    const drawn = drawFigures({ plan, calibration: plan.calibration, seed: 0, draws: firstDraws(1) });
    expect(drawn).toEqual([{ makespanSeconds, tokensPerSecond, bubbleRatio, bubbleRatioTotal, turnaroundSeconds }]);
    const request = { plan, calibration: plan.calibration, seed: 0, draws: firstDraws(1), without: { overlap: true } };
    expect(drawFigures(request)[0]!.makespanSeconds).toBe(makespan(simulateBlocking(optionsOf(plan))) / 1e9);
  }
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
