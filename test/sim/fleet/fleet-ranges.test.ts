import { describe, expect, it } from "vitest";
import { createRng, mean } from "../../../core/index.ts";
import { createCostModel, type PolicyName, settingOf } from "../../../plan/index.ts";
import {
  type FleetRequest,
  fleetRanges,
  pacePaths,
  simulateFleet,
  spreadFactors,
  steadyPaths,
  worksOfPlan,
} from "../../../sim/index.ts";
import { planSmall, smallCase } from "../../exec/small-run.ts";

const JOBS = 12;

/** Twelve jobs that come over about as long as half of them take. */
function fleetOf(seed: number, policy: PolicyName): FleetRequest {
  const rng = createRng(`fleet ${seed}`);
  const jobs = Array.from({ length: JOBS }, () => ({
    rank: 1 + rng.nextInt(8),
    steps: 10 + rng.nextInt(30),
    batchSize: 2,
    microBatchSize: 1,
    length: 10 + rng.nextInt(40),
    spread: 5,
  }));
  const plan = planSmall(smallCase(jobs), { devices: "unit*2", groups: "unfused" });
  const members = worksOfPlan(plan).map((work) => ({
    work,
    arrival: { user: "", deadlineNs: null, arrivalNs: rng.nextInt(600) * 1e9 },
  }));
  const setting = { ...settingOf(plan), slots: "first-fit" as const };
  return { setting, costs: createCostModel(plan.calibration, "float32"), members, policy, most: 2 };
}

const SPREAD = { shared: 0.3, own: 0 };
const exact = () => () => 1;

describe("starts and ends of a fleet's jobs", () => {
  it("are exact where nothing moves", () => {
    const fleet = fleetOf(1, "fifo");
    const ranges = fleetRanges(fleet, { paths: steadyPaths(exact), draws: 3, level: 0.9 });
    const { outcomes } = simulateFleet(fleet);
    for (const [at, { name, startNs, endNs }] of outcomes.entries()) {
      expect(ranges[at]!.name).toBe(name);
      for (const [range, ns] of [
        [ranges[at]!.startSeconds, startNs],
        [ranges[at]!.endSeconds, endNs],
      ] as const) {
        expect(range![0]).toBeCloseTo(ns! / 1e9, 6);
        expect(range![1]).toBeCloseTo(ns! / 1e9, 6);
      }
    }
  });

  it.each(["fifo", "sjf", "fair"] as const)(
    "are no earlier under %s than jobs come and train, where devices tell of ends in reports",
    (policy) => {
      const { members, ...fleet } = fleetOf(2, policy);
      const coming = members.map((member, at) => ({
        ...member,
        arrival: { ...member.arrival, arrivalNs: at * 40.001e9 },
      }));
      const reports = (draw: number) => ({ firstNs: draw * 1e9, everyNs: 30e9 });
      for (const seed of [0, 1, 2, 3, 4, 5]) {
        const paths = steadyPaths(spreadFactors(SPREAD, seed));
        const drawn = { paths, draws: 1, level: 0.9, reports: () => reports(seed) };
        for (const { name, startSeconds, endSeconds } of fleetRanges({ ...fleet, members: coming }, drawn)) {
          const { arrival, work } = coming.find(({ work: { job } }) => job.name === name)!;
          expect(startSeconds![0]).toBeGreaterThanOrEqual(arrival.arrivalNs / 1e9);
          // Forward and backward of a step take at least three units, in a draw that is at most so much faster.
          expect(endSeconds![0] - startSeconds![0]).toBeGreaterThan(work.job.steps);
        }
      }
    },
  );

  it("hold nine of ten of those of other runs of the same machine, under each policy", { tags: ["slow"] }, () => {
    for (const policy of ["mlora", "fifo", "sjf", "priority"] as const) {
      const inside = Array.from({ length: 20 }, (_, seed) => {
        const fleet = fleetOf(seed, policy);
        const factors = spreadFactors(SPREAD, seed);
        const machine = (of: number) => ({ paths: pacePaths({ before: factors, seed: of }), level: 0.9 });
        const ranges = fleetRanges(fleet, { ...machine(seed), draws: 40 });
        const other = fleetRanges(fleet, { ...machine(seed + 1000), draws: 1 });
        return ranges.flatMap(({ startSeconds, endSeconds }, at) =>
          (
            [
              [startSeconds, other[at]!.startSeconds],
              [endSeconds, other[at]!.endSeconds],
            ] as const
          ).map(([range, truths]) => (range![0] <= truths![0] && truths![0] <= range![1] ? 1 : 0)),
        );
      }).flat();
      expect(mean(inside)).toBeGreaterThan(0.85);
    }
  });
});
