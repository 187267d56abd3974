import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../core/index.ts";
import { simulate } from "../../sim/index.ts";
import { STREAMS } from "../../traces/index.ts";
import { type SmallPlan, smallPlan } from "./small-plan.ts";
import { makespanSeconds, secondsPerToken } from "./virtual-time.ts";

/** 1F1B: stage s runs up to S - s forwards ahead. */
function oneFOneB(numStages: number, numMicroBatches: number): readonly string[] {
  return Array.from({ length: numStages }, (_, stage) => {
    const order: string[] = [];
    let forwards = 0;
    for (let backward = 0; backward < numMicroBatches; backward++) {
      while (forwards < Math.min(numMicroBatches, backward + numStages - stage)) order.push(`F${forwards++}`);
      order.push(`B${backward}`);
    }
    return [...order, `U${numMicroBatches - 1}`].join(" ");
  });
}

const buffers = fc.record({
  activationIn: fc.integer({ min: 1, max: 3 }),
  activationOut: fc.integer({ min: 1, max: 3 }),
  gradientIn: fc.integer({ min: 1, max: 3 }),
  gradientOut: fc.integer({ min: 1, max: 3 }),
});

const plans: fc.Arbitrary<SmallPlan> = fc
  .record({
    numStages: fc.integer({ min: 1, max: 5 }),
    loads: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
    shared: fc.boolean(),
    rate: fc.constantFrom(null, 1, 3, 50),
    latencySeconds: fc.constantFrom(0, 0.25, 4),
    buffers,
  })
  .map(({ numStages, loads, shared, rate, latencySeconds, buffers: planned }) => ({
    orders: oneFOneB(numStages, loads.length),
    microBatches: loads.map((tokens, part) => ({ tokens, part })),
    buffers: planned,
    links: Array.from({ length: numStages - 1 }, () => ({
      id: "bus",
      shared,
      bandwidthBytesPerSecond: rate,
      latencySeconds,
    })),
  }));

function run(small: SmallPlan) {
  return simulate({ plan: smallPlan(small), planHash: "", costModel: secondsPerToken(1) });
}

describe("any 1F1B plan", () => {
  it("runs each stage's actions in plan order, and no two events of a stream overlap", () => {
    fc.assert(
      fc.property(plans, (small) => {
        const trace = run(small);
        const plan = smallPlan(small);
        plan.actions.forEach((keys, device) => {
          for (const stream of STREAMS) {
            const events = trace.events.filter((event) => event.device === device && event.stream === stream);
            if (stream === "compute") expect(events.map((event) => event.action)).toEqual(keys);
            events.forEach((event, index) => {
              const before = events[index - 1];
              if (before !== undefined)
                expect(event.startNs).toBeGreaterThanOrEqual(before.startNs + before.durationNs);
            });
          }
        });
      }),
    );
  });

  it("takes no less than its busiest device, nor than the longest chain of one micro-batch", () => {
    fc.assert(
      fc.property(plans, (small) => {
        const makespan = makespanSeconds(run(small));
        const loads = small.microBatches.map(({ tokens }) => tokens);
        const numStages = small.orders.length;
        const link = small.links?.[0];
        const hop = (tokens: number) =>
          (link?.latencySeconds ?? 0) + (4 * tokens) / (link?.bandwidthBytesPerSecond ?? Number.POSITIVE_INFINITY);
        const chain =
          Math.max(...loads.map((tokens) => numStages * 3 * tokens + 2 * (numStages - 1) * hop(tokens))) + 1;
        const busiest = 3 * loads.reduce((sum, tokens) => sum + tokens, 0) + 1;
        expect(makespan).toBeGreaterThanOrEqual(Math.max(chain, busiest) - 1e-6);
      }),
    );
  });

  it("starts nothing before what it depends on has ended", () => {
    fc.assert(
      fc.property(plans, (small) => {
        const trace = run(small);
        const find = (action: string, stream: string) =>
          trace.events.find((event) => event.action === action && event.stream === stream);
        for (const { action, stream, stage, letter, microBatch, startNs } of trace.events) {
          if (stream === "send") {
            const made = find(action, "compute")!;
            expect(startNs).toBeGreaterThanOrEqual(made.startNs + made.durationNs);
          }
          const source = letter === "F" ? stage - 1 : letter === "B" ? stage + 1 : -1;
          const message = stream === "compute" ? find(`${source}${letter}${microBatch}`, "receive") : undefined;
          if (message !== undefined) expect(startNs).toBeGreaterThanOrEqual(message.startNs + message.durationNs);
        }
      }),
    );
  });

  it("is not changed by an action that takes no time, and gives the same bytes twice", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(plans, (small) => {
        const withoutUpdates = { ...small, orders: small.orders.map((order) => order.replace(/ U\d+$/, "")) };
        const free = secondsPerToken(0);
        const longer = simulate({ plan: smallPlan(small), planHash: "", costModel: free });
        const shorter = simulate({ plan: smallPlan(withoutUpdates), planHash: "", costModel: free });
        expect(longer.events.filter((event) => event.letter !== "U")).toEqual(shorter.events);
        expect(canonicalJson(run(small))).toBe(canonicalJson(run(small)));
      }),
    );
  });

  it("never uses more memory than planned, and reaches what is planned", () => {
    fc.assert(
      fc.property(plans, (small) => {
        const trace = run(small);
        trace.devices.forEach((_, device) => {
          const values = trace.counters.filter((sample) => sample.device === device).map((sample) => sample.value);
          expect(Math.max(...values)).toBe(140);
          expect(values.at(-1)).toBe(100);
        });
      }),
    );
  });
});
