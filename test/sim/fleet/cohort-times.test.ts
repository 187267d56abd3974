import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import { constantCalibration, createCostModel, type FleetJob, fleetSetting } from "../../../plan/index.ts";
import { CohortTimes } from "../../../sim/fleet/cohort-times.ts";
import { requestOf, worksOfPlan } from "../../../sim/fleet/simulate-fleet.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";

const job = fc.record({
  steps: fc.integer({ min: 2, max: 30 }),
  batchSize: fc.constantFrom(2, 4, 6),
  microBatchSize: fc.constantFrom(1, 2),
  length: fc.integer({ min: 6, max: 30 }),
  spread: fc.integer({ min: 1, max: 60 }),
});

describe("the times of jobs that train together", () => {
  it("are never shorter than an iteration can be, nor make a stage busier than time passes", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(fc.array(job, { minLength: 2, maxLength: 6 }), fc.integer({ min: 1, max: 2 }), (jobs, numDevices) => {
        const plan = planSmall(smallCase(jobs as readonly SmallJob[]), {
          devices: `unit*${numDevices}`,
          groups: "unfused",
        });
        const works = worksOfPlan(plan);
        // By the tokens of rows, of which the measured steps have more or fewer than all.
        const costs = createCostModel(constantCalibration({ perTokens: 16 }), "float32");
        const times = new CohortTimes(fleetSetting(plan), costs, works);
        const arrival = { user: "", arrivalNs: 0, deadlineNs: null };
        const cohort = works.map((work, number): FleetJob => {
          const place = { standing: "running", done: 0, predicted: 1, pipeline: 0, hold: undefined } as const;
          return { ...requestOf({ work, arrival }), number, ...place };
        });
        const periods = times.iterationNs(0, cohort);
        const bounds = works.map((_, number) => times.boundOf(0, number));
        bounds.forEach(({ leastNs }, i) => {
          expect(periods[i]).toBeGreaterThanOrEqual(leastNs);
        });
        for (let at = 0; at < numDevices; at += 1)
          expect(sum(bounds.map(({ stagesNs }, i) => stagesNs[at]! / periods[i]!))).toBeLessThanOrEqual(1 + 1e-9);
      }),
      { numRuns: 40, seed: 4 },
    );
  });
});
