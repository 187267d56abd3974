import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../core/index.ts";
import { createCostModel, LiveWork, parsePlan, planDocument, validatePlan } from "../../plan/index.ts";
import { simulate } from "../../sim/index.ts";
import type { TraceEvent } from "../../traces/index.ts";
import { grow, growingSetting, grownPlan, type Moment } from "./grow.ts";
import { unitPlan } from "./unit-plan.ts";

const SECOND = 1e9;

const endNs = ({ startNs, durationNs }: TraceEvent): number => startNs + durationNs;

/** A static plan, and when its groups are admitted, cut and merged. */
const growths = fc
  .record({
    numDevices: fc.integer({ min: 1, max: 3 }),
    numJobs: fc.integer({ min: 1, max: 5 }),
    parts: fc.integer({ min: 1, max: 3 }),
    steps: fc.integer({ min: 1, max: 5 }),
    lengths: fc.array(fc.integer({ min: 2, max: 60 }), { minLength: 1, maxLength: 5 }),
    transfer: fc.constantFrom(0, 0.5),
    schedule: fc.constantFrom("lorapp", "lorapp-gpipe"),
    clips: fc.boolean(),
  })
  .chain(({ clips, ...options }) => {
    const plan = unitPlan({ ...options, groups: "unfused", ...(clips ? { maxGradNorm: 1 } : {}) });
    const time = fc.integer({ min: 0, max: 60 }).map((half) => (half * SECOND) / 2);
    const { numJobs } = options;
    return fc.record({
      plan: fc.constant(plan),
      admissions: fc
        .array(time, { minLength: numJobs, maxLength: numJobs })
        .map((times) => times.map((atNs, group): Moment => ({ atNs, admit: [group] }))),
      merges: fc.array(
        fc.tuple(time, fc.nat(numJobs), fc.nat(numJobs)).map(([atNs, a, b]): Moment => ({ atNs, merge: [a, b] })),
        { maxLength: 3 },
      ),
      cuts: fc.array(
        time.map((atNs): Moment => ({ atNs })),
        { maxLength: 20 },
      ),
    });
  });

describe("a plan that grows", () => {
  it("is valid, whenever groups are admitted, cut and merged, and read back with its segments", {
    tags: ["slow"],
  }, () => {
    fc.assert(
      fc.property(growths, ({ plan, admissions, merges, cuts }) => {
        const grown = grownPlan(growingSetting(plan), grow(plan, [...admissions, ...merges, ...cuts]));
        validatePlan(grown);
        expect(parsePlan(canonicalJson(planDocument(grown)), "plan.json")).toEqual(grown);
      }),
      { numRuns: 100 },
    );
  });

  it("has the same work whatever times it is cut at", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(growths, ({ plan, admissions, merges, cuts }) => {
        const moments = [...admissions, ...merges];
        const { segments: few, hash: _few, ...whole } = grownPlan(growingSetting(plan), grow(plan, moments));
        const {
          segments: many,
          hash: _many,
          ...pieces
        } = grownPlan(growingSetting(plan), grow(plan, [...moments, ...cuts]));
        expect(pieces).toEqual(whole);
        expect(many.length).toBeGreaterThanOrEqual(few.length);
      }),
      { numRuns: 100 },
    );
  });

  it("is forgotten as its actions end, in whatever order its segments are over", { tags: ["slow"] }, () => {
    let numOutlived = 0;
    fc.assert(
      fc.property(growths, ({ plan, admissions, merges, cuts }) => {
        const segments = grow(plan, [...admissions, ...merges, ...cuts]);
        const setting = growingSetting(plan);
        const grown = grownPlan(setting, segments);
        const live = new LiveWork(setting);
        const pieces = segments.map((segment) => live.append(segment));
        const { events } = simulate({
          plan: grown,
          planHash: "",
          costModel: createCostModel(plan.calibration, plan.model.dtype),
        });
        const ended = events.filter(({ stream }) => stream === "compute").sort((a, b) => endNs(a) - endNs(b));
        for (const { microBatch } of ended) {
          live.end(microBatch);
          const first = pieces.findIndex(({ left }) => left > 0);
          if (pieces.slice(first).some(({ left, miniBatches }) => left === 0 && miniBatches.length > 0))
            numOutlived += 1;
        }
        expect([live.jobs, live.groups]).toEqual([{}, {}]);
      }),
      { numRuns: 100 },
    );
    expect(numOutlived).toBeGreaterThan(0);
  });
});
