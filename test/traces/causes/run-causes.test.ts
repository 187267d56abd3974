import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nanos, sum } from "../../../core/index.ts";
import { IDLE_CAUSES } from "../../../traces/causes/causes.ts";
import { causeText, differenceByCause, heldTrace, planWay, runCauses, runMetrics } from "../../../traces/index.ts";
import { unitPlan } from "../../plan/unit-plan.ts";
import { anyPlans, runOf } from "./run-plans.ts";

const causesOf = (body: Parameters<typeof runOf>[0]) => {
  const { plan, trace } = runOf(body);
  return runCauses(plan, trace);
};

/** "products of up to 16 tokens 9": a cause and its seconds. */
const rows = (body: Parameters<typeof runOf>[0]): readonly string[] =>
  causesOf(body).causes.map((part) => `${causeText(part)} ${part.ns / 1e9}`);

describe("what the time of a run goes to", () => {
  it("is its makespan to the nanosecond, and what devices wait is its bubble", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(anyPlans, (body) => {
        const { plan, trace } = runOf(body);
        const { makespanNs, causes } = runCauses(plan, trace);
        const { makespanSeconds, bubbleRatioTotal } = runMetrics(plan, trace);
        expect(causes.every(({ ns }) => Number.isSafeInteger(ns) && ns > 0)).toBe(true);
        expect(sum(causes.map(({ ns }) => ns))).toBe(makespanNs);
        expect(makespanNs / 1e9).toBeCloseTo(makespanSeconds, 9);
        const idleNs = sum(
          causes.flatMap(({ cause, ns }) => ((IDLE_CAUSES as readonly string[]).includes(cause) ? [ns] : [])),
        );
        expect(idleNs / Math.max(1, makespanNs)).toBeCloseTo(bubbleRatioTotal, 7);
      }),
      { numRuns: 100, seed: 3 },
    );
  });

  it("differs between any two plans by causes that add up to the nanosecond, and the other way round by the opposite", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(anyPlans, anyPlans, (one, other) => {
        const [a, b] = [causesOf(one), causesOf(other)];
        const difference = differenceByCause(a, b);
        expect(difference.makespan.differenceNs).toBe(b.makespanNs - a.makespanNs);
        expect(sum(difference.causes.map(({ differenceNs }) => differenceNs))).toBe(difference.makespan.differenceNs);
        const back = differenceByCause(b, a);
        expect(back.causes.map(({ cause, tokens, differenceNs }) => [cause, tokens, 0 - differenceNs])).toEqual(
          difference.causes.map(({ cause, tokens, differenceNs }) => [cause, tokens, differenceNs]),
        );
      }),
      { numRuns: 50, seed: 4 },
    );
  });

  it("is told of GPipe and of 1F1B as a person counts it", () => {
    const options = { numDevices: 2, numJobs: 1, parts: 2, steps: 2, transfer: 0.5, update: 0.25 } as const;
    expect(rows(unitPlan({ ...options, schedule: "gpipe" }))).toMatchInlineSnapshot(`
      [
        "filling the pipeline 0.75",
        "waiting for a forward 1.75",
        "waiting for a backward 4",
        "messages on their way 0.25",
        "draining the pipeline 1.25",
        "products of up to 16 tokens 12",
        "updates 0.5",
      ]
    `);
    expect(rows(unitPlan({ ...options, schedule: "1f1b", maxInFlight: 1, parts: 3 }))).toMatchInlineSnapshot(`
      [
        "filling the pipeline 0.75",
        "waiting for a forward 8.75",
        "waiting for a backward 4",
        "waiting for a backward: the limit in flight 7",
        "messages on their way 2.25",
        "draining the pipeline 1.25",
        "products of up to 16 tokens 18",
        "updates 0.5",
      ]
    `);
  });

  it("says of a limit in flight that it keeps devices waiting, where it does", () => {
    const options = { numDevices: 3, numJobs: 1, parts: 6, steps: 1 } as const;
    const limited = rows(unitPlan({ ...options, schedule: "1f1b", maxInFlight: 2 }));
    expect(limited.some((row) => row.startsWith("waiting for a backward: the limit in flight"))).toBe(true);
    const free = rows(unitPlan({ ...options, schedule: "gpipe" }));
    expect(free.some((row) => row.includes("the limit in flight"))).toBe(false);
  });

  it("calls a gap before an update a wait for norms only where other stages have them", () => {
    const gaps = { numJobs: 1, parts: 2, steps: 2, update: 0.25, maxGradNorm: 1 } as const;
    const causes = (options: Parameters<typeof unitPlan>[0], gapNs: number): readonly string[] => {
      const { plan, trace } = runOf(unitPlan(options));
      const { events } = heldTrace(trace);
      const late = events.map((event) =>
        event.letter === "U" ? { ...event, startNs: nanos(event.startNs + gapNs) } : event,
      );
      const way = planWay({ plan, trace: { ...heldTrace(trace), events: late } });
      return [...way.causes.causes, ...way.facts.criticalPath].map(({ cause }) => cause);
    };
    expect(causes({ ...gaps, numDevices: 1 }, 1000)).toContain("between");
    expect(causes({ ...gaps, numDevices: 1 }, 1000)).not.toContain("norms");
    expect(causes({ ...gaps, numDevices: 2 }, 0)).toContain("norms");
    const unclipped = { numJobs: 1, parts: 2, steps: 2, update: 0.25, numDevices: 2 } as const;
    expect(causes(unclipped, 1000)).not.toContain("norms");
  });
});
