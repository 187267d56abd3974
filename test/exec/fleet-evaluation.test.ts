import { describe, expect, it } from "vitest";
import { aloneRun, runFleet } from "./live-script.ts";
import { adapterBytes, type SmallCase, smallCase } from "./small-run.ts";

/** Rows that are evaluated in several micro-batches, and in one; every step, and seldom. */
function evaluatedCase(steps = 12): SmallCase {
  return smallCase([
    { rank: 4, dropout: 0.1, steps, optimizer: { maxGradNorm: 0.5 }, evaluation: { everySteps: 1, count: 3 } },
    { rank: 9, targets: ["q_proj", "v_proj", "down_proj"], steps, evaluation: { everySteps: 5, count: 5 } },
    { rank: 2, steps: 5, evaluation: { everySteps: 2, count: 1, keepBest: false } },
    { rank: 3, steps: 7, batchSize: 2 },
  ]);
}

describe.each([
  { devices: "cpu:0", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 2 },
])("jobs over time that are evaluated, on $pipelines pipelines of $devices", ({ devices, pipelines }) => {
  it("have the losses and the best adapters that each has alone, also when they are preempted and moved", async () => {
    const given = evaluatedCase();
    const { ended, evaluations, best, decisions, segments } = await runFleet(given, {
      ...{ devices, pipelines, policy: "mlora", most: 1, first: [0, 1] },
      at: {
        3: ({ submit }) => submit(2, 5),
        6: ({ submit }) => submit(3, 9),
      },
    });
    expect(decisions.some((each) => each.startsWith("preempt"))).toBe(true);
    expect(decisions.some((each) => each.startsWith("resume"))).toBe(true);
    for (const index of [0, 1, 2, 3]) {
      const left = await aloneRun(given, index);
      expect(adapterBytes(ended.get(index)!)).toBe(left.adapter);
      expect(evaluations.filter(({ job }) => job === `job${index}`)).toEqual(left.evaluations);
      expect(best.get(index)).toEqual(left.best);
    }
    expect(evaluations.filter(({ job }) => job === "job1").map(({ step }) => step)).toEqual([4, 9, 11]);
    const planned = segments.flatMap(({ actions }) => actions.flat()).filter((key) => key.includes("E"));
    expect(planned.length).toBeGreaterThan(0);
  });

  it("keep what was best so far when they are stopped", async () => {
    const given = evaluatedCase(40);
    const { stopped, evaluations, best } = await runFleet(given, {
      ...{ devices, pipelines, policy: "priority", most: 1, first: [0, 3] },
      at: { 8: ({ execution }) => expect(execution.ask({ kind: "stop", number: 0, by: "user", why: "x" })).toBe(true) },
    });
    expect(stopped).toEqual([0]);
    const own = evaluations.filter(({ job }) => job === "job0");
    const left = await aloneRun(given, 0);
    expect(own).toEqual(left.evaluations.slice(0, own.length));
    expect(own.length).toBeLessThan(left.evaluations.length);
    const lowest = own.filter((row) => row.best).at(-1)!;
    expect(best.get(0)).toMatchObject({ step: lowest.step, evaluationLoss: lowest.evaluationLoss });
    expect(best.get(0)!.adapter).toBeDefined();
  });
});
