import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CostModel, createCostModel, type PlanBody, type ResolvedLink } from "../../plan/index.ts";
import { drawFigures } from "../../sim/intervals.ts";
import { simulate } from "../../sim/simulate.ts";
import { runMetrics, type Trace, type TraceEvent } from "../../traces/index.ts";
import { roomyPipeline } from "../plan/hand-work.ts";
import { firstDraws } from "./drawn-costs.ts";
import { joinedPlans } from "./joined-plans.ts";
import { smallPlan } from "./small-plan.ts";
import { makespanSeconds, secondsPerToken, timeline } from "./virtual-time.ts";

function run(plan: PlanBody, costModel: CostModel = createCostModel(plan.calibration, "float32")): Trace {
  return simulate({ plan, planHash: "", costModel });
}

/** What happened on a device, without the numbers that a plan gives to stages and micro-batches. */
function deviceEvents({ events }: Trace, device: number): readonly object[] {
  return events
    .filter((event) => event.device === device)
    .map(({ stream, letter, startNs, durationNs, jobs, step, part, tokens, bytes }: TraceEvent) => {
      return { stream, letter, startNs, durationNs, jobs, step, part, tokens, bytes };
    });
}

/** The plan cut into pipelines of one stage each, one group on each. */
function eachStageAlone(plan: PlanBody): PlanBody {
  return {
    ...plan,
    links: plan.links.map(() => null),
    stages: plan.stages.map((stage) => ({ ...stage, firstLayer: 0, endLayer: 1, embedding: true, head: true })),
    pipelines: plan.stages.map((_, stage) => roomyPipeline(stage, stage + 1)),
    groups: plan.groups.map((group, pipeline) => ({ ...group, pipeline })),
  };
}

describe("a plan of several pipelines", () => {
  it("runs each exactly as it runs alone where nothing is shared", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(joinedPlans, ({ parts, whole }) => {
        const joined = run(whole);
        let firstDevice = 0;
        for (const { body } of parts) {
          const alone = run(body);
          body.devices.forEach((_, device) => {
            expect(deviceEvents(joined, firstDevice + device)).toEqual(deviceEvents(alone, device));
            const samples = (trace: Trace, at: number) =>
              trace.counters.filter((sample) => sample.device === at).map(({ timeNs, value }) => [timeNs, value]);
            expect(samples(joined, firstDevice + device)).toEqual(samples(alone, device));
          });
          firstDevice += body.devices.length;
        }
      }),
      { numRuns: 40 },
    );
  });

  it("has the metrics of its pipelines: the longest makespan, all tokens, each job's times, the bubble weighed by devices", () => {
    fc.assert(
      fc.property(joinedPlans, ({ parts, whole }) => {
        const metrics = runMetrics({ ...whole, hash: "" }, run(whole));
        const alone = parts.map(({ body }) => runMetrics({ ...body, hash: "" }, run(body)));
        expect(metrics.makespanSeconds).toBeCloseTo(Math.max(...alone.map((each) => each.makespanSeconds)), 9);
        expect(metrics.tokens).toBe(alone.reduce((sum, { tokens }) => sum + tokens, 0));
        parts.forEach(({ jobs }, part) => {
          expect(jobs.map((job) => metrics.jobs[job])).toEqual(alone[part]!.jobs);
        });
        const steady = alone.filter(({ bubbleRatio }) => bubbleRatio !== null);
        const numDevices = steady.reduce((sum, { devices }) => sum + devices.length, 0);
        const weighed = steady.reduce((sum, { bubbleRatio, devices }) => sum + bubbleRatio! * devices.length, 0);
        if (numDevices === 0) expect(metrics.bubbleRatio).toBeNull();
        else expect(metrics.bubbleRatio).toBeCloseTo(weighed / numDevices, 9);
      }),
      { numRuns: 30 },
    );
  });

  it("has the same figures when many runs are drawn as in its trace", () => {
    fc.assert(
      fc.property(joinedPlans, ({ whole }) => {
        const [figures] = drawFigures({ plan: whole, calibration: whole.calibration, seed: 0, draws: firstDraws(1) });
        const metrics = runMetrics({ ...whole, hash: "" }, run(whole));
        expect(figures!.makespanSeconds).toBe(metrics.makespanSeconds);
        expect(figures!.bubbleRatioTotal).toBe(metrics.bubbleRatioTotal);
        expect(figures!.bubbleRatio).toBe(metrics.bubbleRatio);
        expect(figures!.turnaroundSeconds).toEqual(metrics.jobs.map(({ turnaroundSeconds }) => turnaroundSeconds));
      }),
      { numRuns: 30 },
    );
  });

  it("slows its pipelines where they are devices of one machine that slow each other", () => {
    const plan = eachStageAlone(
      smallPlan({
        orders: ["F0 B0 U0", "F1 B1 U1"],
        microBatches: [
          { tokens: 10, group: 0 },
          { tokens: 6, group: 1 },
        ],
      }),
    );
    const contention = { devices: 2, alone: { F: 0.5, B: 0.5, U: 1 } };
    const trace = run(plan, { ...secondsPerToken(), contention });
    // Together at full length until the shorter one ends after 18 s; what is left of the other takes half.
    expect(timeline(trace, 1, "compute", true)).toBe("F1@0-6 B1@6-18 U1@18-18");
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-10 B0@10-24 U0@24-24");
    const elsewhere = plan.devices.map((device, index) => ({ ...device, machine: `machine${index}` }));
    expect(makespanSeconds(run({ ...plan, devices: elsewhere }, { ...secondsPerToken(), contention }))).toBe(15);
  });

  it("slows its pipelines where their messages go over one link", () => {
    const bus: ResolvedLink = { id: "bus", type: "pcie", shared: true, bandwidthBytesPerSecond: 4, latencySeconds: 0 };
    const numbered = smallPlan({
      orders: ["F0 B0 U0", "F0 B0 U0", "F1 B1 U1", "F1 B1 U1"],
      microBatches: [
        { tokens: 3, group: 0 },
        { tokens: 3, group: 1 },
      ],
    });
    const plan = (shared: boolean): PlanBody => ({
      ...numbered,
      links: [{ ...bus, shared }, null, { ...bus, shared }],
      pipelines: [roomyPipeline(0, 2), roomyPipeline(2, 4)],
      groups: numbered.groups.map((group, pipeline) => ({ ...group, pipeline })),
    });
    // 12 bytes at 4 a second, or at 2 where two messages share the rate.
    expect(timeline(run(plan(false), secondsPerToken()), 1, "compute")).toBe("F0@6 B0@9 U0@15");
    for (const device of [1, 3])
      expect(timeline(run(plan(true), secondsPerToken()), device, "compute").replaceAll("1@", "0@")).toBe(
        "F0@9 B0@12 U0@18",
      );
  });

  it("is blocked by transfers on its own links only", () => {
    const numbered = smallPlan({
      orders: ["F0 B0 U0", "F0 B0 U0", "F1 B1 U1"],
      microBatches: [
        { tokens: 3, group: 0 },
        { tokens: 3, group: 1 },
      ],
    });
    const link: ResolvedLink = { ...numbered.links[0]!, latencySeconds: 2, transfers: "blocking" };
    const plan: PlanBody = {
      ...numbered,
      links: [link, null],
      pipelines: [roomyPipeline(0, 2), roomyPipeline(2, 3)],
      groups: numbered.groups.map((group, pipeline) => ({ ...group, pipeline })),
    };
    const trace = run(plan, secondsPerToken());
    expect(timeline(trace, 1, "compute")).toBe("F0@5 B0@8 U0@16");
    expect(timeline(trace, 2, "compute")).toBe("F1@0 B1@3 U1@9");
  });
});
