import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../../core/index.ts";
import type { CostModel, PlanBody } from "../../plan/index.ts";
import { replay, simulate } from "../../sim/index.ts";
import type { Trace } from "../../traces/index.ts";
import { unitPlan } from "../plan/unit-plan.ts";
import { smallPlan } from "./small-plan.ts";
import { timeline } from "./virtual-time.ts";

const NO_LINK = { latencySeconds: 0, bytesPerSecond: null };

function costs(seconds: () => number): CostModel {
  return { actionSeconds: seconds, linkCost: () => NO_LINK };
}

/** As if it had been run: what a device does next waits for a while that no cost model knows. */
function executed(plan: PlanBody, trace: Trace, waitNs: number): Trace {
  const lateBy = plan.devices.map(() => 0);
  const events = trace.events.map((event) => {
    if (event.stream === "compute") lateBy[event.device] = lateBy[event.device]! + waitNs;
    return { ...event, startNs: (event.startNs + lateBy[event.device]!) as typeof event.startNs };
  });
  return { ...trace, source: "executed", events };
}

const small = smallPlan({
  orders: ["F0 F1 B0 B1", "F0 B0 F1 B1"],
  microBatches: [{ tokens: 1 }, { tokens: 1, part: 1 }],
});

/**
 * F0 3 s and F1 1 s on stage 0, and so on: every action has a time of its own, the first message takes 5 s and the
 * others 1 s.
 */
function handMade(): Trace {
  const simulated = simulate({ plan: small, planHash: "p", costModel: costs(() => 1) });
  const times: Readonly<Record<string, number>> = { "0F0": 3, "1B1": 4, "0B0": 2 };
  const events = simulated.events.map((event) => {
    const seconds = event.stream === "compute" ? (times[event.action] ?? 1) : event.action === "0F0" ? 5 : 1;
    return { ...event, durationNs: (seconds * 1e9) as typeof event.durationNs };
  });
  return { ...simulated, source: "executed", events };
}

describe("a replay", () => {
  it("takes each action's and each message's own time from the trace", () => {
    const trace = replay({ plan: small, planHash: "p", executed: handMade() });
    expect(trace.source).toBe("simulated");
    expect(timeline(trace, 0, "compute", true)).toBe("F0@0-3 F1@3-4 B0@11-13 B1@16-17");
    expect(timeline(trace, 1, "compute", true)).toBe("F0@8-9 B0@9-10 F1@10-11 B1@11-15");
    expect(timeline(trace, 0, "send", true)).toBe("F0@3-8 F1@8-8");
  });

  it("of what the simulator itself made gives the same compute events, whatever each shape of work takes", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 0, max: 1e6 }),
        (numDevices, numJobs, parts, seed) => {
          const rng = createRng(seed);
          const plan = unitPlan({
            numDevices,
            numJobs,
            parts,
            steps: 4,
            lengths: { distribution: "uniform", min: 1, max: 9 },
          });
          const simulated = simulate({ plan, planHash: "p", costModel: costs(() => rng.nextFloat()) });
          const again = replay({ plan, planHash: "p", executed: { ...simulated, source: "executed" } });
          expect(again.events).toEqual(simulated.events);
          expect(again.counters).toEqual(simulated.counters);
        },
      ),
      { numRuns: 20 },
    );
  });

  it("leaves out what the executed run lost between actions, so that the difference is the simulator's own", () => {
    const simulated = simulate({ plan: small, planHash: "p", costModel: costs(() => 1) });
    const run = executed(small, simulated, 1000);
    const again = replay({ plan: small, planHash: "p", executed: run });
    expect(again.events).toEqual(simulated.events);
    expect(run.events).not.toEqual(simulated.events);
  });

  it("has a hash of its own for the times that it used", () => {
    const first = replay({ plan: small, planHash: "p", executed: handMade() });
    expect(first.calibrationHash).toMatch(/^sha256:/);
    const simulated = simulate({ plan: small, planHash: "p", costModel: costs(() => 1) });
    const other = replay({ plan: small, planHash: "p", executed: simulated });
    expect(other.calibrationHash).not.toBe(first.calibrationHash);
  });

  it("refuses a trace of another plan, and one without an action, without a message, or with one too many", () => {
    const run = handMade();
    const first = run.events.find(({ stream }) => stream === "compute")!;
    const without = (stream: string, action: string): Trace => ({
      ...run,
      events: run.events.filter((event) => event.stream !== stream || event.action !== action),
    });
    const again = (trace: Trace) => () => replay({ plan: small, planHash: "p", executed: trace });
    expect(() => replay({ plan: small, planHash: "q", executed: run })).toThrow("a trace of plan q");
    expect(again(without("compute", "1B0"))).toThrow("the action 1B0 in the trace to replay");
    expect(again(without("send", "0F1"))).toThrow("the message of 0F1 in the trace to replay");
    expect(again({ ...run, events: [...run.events, first] })).toThrow("each action of the plan once");
    const update = { ...first, action: "0U0", letter: "U" } as const;
    expect(again({ ...run, events: [...run.events, update] })).toThrow("8 actions, those of the plan,");
    expect(again({ ...run, events: [...run.events, { ...update, action: "7F0" }] })).toThrow("7F0");
  });
});
