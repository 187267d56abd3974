import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng, nanos, sum } from "../../../core/index.ts";
import { type CostModel, createCostModel, type PlanBody } from "../../../plan/index.ts";
import { simulate } from "../../../sim/index.ts";
import { criticalPath, heldTrace, pathCauses, planWay, type Trace } from "../../../traces/index.ts";
import { unitPlan } from "../../plan/unit-plan.ts";
import { anyPlans, runOf } from "./run-plans.ts";

/** The plan's run with faster links, or a device that takes half as long. */
function fasterRun(plan: PlanBody, factors: { readonly links?: number; readonly device?: string }): Trace {
  const { links = 1, device } = factors;
  const { sameCosts: _same, ...costs } = createCostModel(plan.calibration, plan.model.dtype);
  const costModel: CostModel = {
    ...costs,
    actionSeconds: (action) => costs.actionSeconds(action) * (action.device.name === device ? 0.5 : 1),
    linkCost: (link) => {
      const { latencySeconds, bytesPerSecond } = costs.linkCost(link);
      return {
        latencySeconds: latencySeconds * links,
        bytesPerSecond: bytesPerSecond === null ? null : bytesPerSecond / links,
      };
    },
  };
  return simulate({ plan, planHash: "", costModel });
}

function makespanNs({ events }: Trace): number {
  return Math.max(...events.flatMap((event) => (event.stream === "compute" ? [event.startNs + event.durationNs] : [])));
}

/** Whose message each device sends after whose: links take them as they come, which other times change. */
function messageOrder({ devices, events }: Trace): readonly string[] {
  return devices.map((_, device) =>
    events
      .filter((event) => event.device === device && event.stream !== "compute")
      .map(({ action, stream }) => `${stream} ${action}`)
      .join(" "),
  );
}

describe("the critical path", () => {
  it("has no gap from the start of a run to its end, and its causes are all of that time", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(anyPlans, (body) => {
        const { plan, trace } = runOf(body);
        const path = criticalPath(plan, trace);
        let atNs = 0;
        for (const step of path) {
          expect(step.startNs).toBe(atNs);
          atNs = step.endNs;
          expect(sum(step.parts.map(({ ns }) => ns))).toBe(step.endNs - step.startNs);
        }
        const ends = heldTrace(trace)
          .events.filter(({ stream }) => stream === "compute")
          .map((each) => each.startNs + each.durationNs);
        expect(atNs).toBe(Math.max(...ends));
        expect(sum(pathCauses(path, trace.devices).map(({ ns }) => ns))).toBe(atNs);
      }),
      { numRuns: 100, seed: 5 },
    );
  });

  it("has no gap in what there is of a run that did not end, with gaps of its machine", { tags: ["slow"] }, () => {
    const cut = fc.record({ part: fc.double({ min: 0, max: 1, noNaN: true }), seed: fc.integer() });
    fc.assert(
      fc.property(anyPlans, cut, (body, { part, seed }) => {
        const { plan, trace } = runOf(body);
        const events = heldTrace(trace).events;
        const rng = createRng(seed);
        const [lastNs, stretch] = [part * makespanNs({ ...heldTrace(trace), events }), 1 + rng.nextInt(3)];
        const kept = events
          .filter(({ startNs, durationNs }) => startNs + durationNs <= lastNs)
          .map((event) => ({
            ...event,
            startNs: nanos(stretch * event.startNs),
            durationNs: nanos(event.durationNs - rng.nextInt(Math.min(1000, event.durationNs + 1))),
          }));
        const seen = planWay({ plan, trace: { ...heldTrace(trace), events: kept } });
        const { makespanNs: wholeNs, causes } = seen.causes;
        expect(sum(causes.map(({ ns }) => ns))).toBe(wholeNs);
        expect(sum(seen.path.map((step) => step.endNs - step.startNs))).toBe(wholeNs);
        expect(sum(seen.facts.criticalPath.map(({ ns }) => ns))).toBe(wholeNs);
      }),
      { numRuns: 60, seed: 10 },
    );
  });

  it("promises no less than what faster links or a faster device save in the same order", { tags: ["slow"] }, () => {
    let numSame = 0;
    fc.assert(
      fc.property(anyPlans, (plan) => {
        const { trace } = runOf(plan);
        const causes = pathCauses(criticalPath(plan, trace), trace.devices);
        const saves = (isMeant: (cause: (typeof causes)[number]) => boolean): number =>
          sum(causes.filter(isMeant).map(({ savesNs }) => savesNs));
        const now = fasterRun(plan, {});
        const rounding = 2 * now.events.length;
        const expectAtMost = (faster: Trace, savesNs: number): void => {
          if (messageOrder(faster).join() !== messageOrder(now).join()) return;
          numSame += 1;
          expect(makespanNs(now) - makespanNs(faster)).toBeLessThanOrEqual(savesNs + rounding);
        };
        const waits = ["line", "norms", "between"];
        const linkSaves = saves(({ cause }) => [...waits, "transfer"].includes(cause));
        expectAtMost(fasterRun(plan, { links: 0.5 }), linkSaves);
        for (const device of now.devices)
          expectAtMost(
            fasterRun(plan, { device }),
            saves((cause) => cause.device === device || waits.includes(cause.cause)),
          );
      }),
      { numRuns: 60, seed: 6 },
    );
    expect(numSame).toBeGreaterThan(100);
  });

  it("goes over the messages of a pipeline of slow links", () => {
    const { plan, trace } = runOf(
      unitPlan({ numDevices: 2, numJobs: 1, parts: 1, steps: 1, transfer: 4, schedule: "gpipe" }),
    );
    expect(criticalPath(plan, trace).map(({ action, stream }) => `${stream} ${action}`)).toEqual([
      "compute 0F0",
      "receive 0F0",
      "compute 1F0",
      "compute 1B0",
      "receive 1B0",
      "compute 0B0",
    ]);
  });
});
