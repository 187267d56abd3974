import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import { createCostModel, type FleetJob, fleetSetting, POLICIES, policyOf, Scheduler } from "../../../plan/index.ts";
import { type BoundedJob, fleetBounds } from "../../../sim/fleet/fleet-bounds.ts";
import { coveredNs, jainIndex } from "../../../sim/fleet/fleet-metrics.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { fleetForecaster, simulateFleet, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";

/** Ends are sums of whole nanoseconds, and bounds are not. */
const ROUNDED = 1e-6;

interface UnitJob {
  readonly arrival: number;
  readonly units: number;
}

/** The least sum of ends, and the least last end, of jobs of whole units, so many of which train at once in each. */
function best(jobs: readonly UnitJob[], atOnce: number): readonly [ends: number, last: number] {
  const known = new Map<string, readonly [number, number]>();
  const go = (time: number, left: readonly number[]): readonly [number, number] => {
    if (left.every((units) => units === 0)) return [0, 0];
    const key = `${time} ${left.join()}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const there = left.flatMap((units, i) => (units > 0 && jobs[i]!.arrival <= time ? [i] : []));
    let least: readonly [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let set = 0; set < 2 ** there.length; set += 1) {
      const chosen = there.filter((_, at) => ((set >> at) & 1) === 1);
      if (chosen.length > atOnce || (chosen.length === 0 && there.length > 0)) continue;
      const next = left.map((units, i) => (chosen.includes(i) ? units - 1 : units));
      const ended = chosen.filter((i) => next[i] === 0).length;
      const [ends, last] = go(time + 1, next);
      least = [
        Math.min(least[0], ends + ended * (time + 1)),
        Math.min(least[1], ended > 0 ? Math.max(last, time + 1) : last),
      ];
    }
    known.set(key, least);
    return least;
  };
  return go(
    0,
    jobs.map(({ units }) => units),
  );
}

const bounded = ({ arrival, units }: UnitJob): BoundedJob => ({ arrivalNs: arrival, leastNs: units, loadsNs: [units] });

const unitJobs = fc.array(
  fc.record({ arrival: fc.integer({ min: 0, max: 5 }), units: fc.integer({ min: 1, max: 4 }) }),
  { minLength: 1, maxLength: 4 },
);

describe("what no scheduler can beat", () => {
  it("is the best of all schedules where one job trains at a time, and no more than that where several do", () => {
    fc.assert(
      fc.property(unitJobs, fc.integer({ min: 1, max: 3 }), (jobs, atOnce) => {
        const [ends, last] = best(jobs, atOnce);
        const mean = (ends - sum(jobs.map(({ arrival }) => arrival))) / jobs.length;
        const { makespanNs, meanTurnaroundNs } = fleetBounds(jobs.map(bounded), atOnce);
        expect(makespanNs).toBeLessThanOrEqual(last + 1e-9);
        expect(meanTurnaroundNs).toBeLessThanOrEqual(mean + 1e-9);
        if (atOnce > 1) return;
        expect(makespanNs).toBeCloseTo(last, 9);
        expect(meanTurnaroundNs).toBeCloseTo(mean, 9);
      }),
      { numRuns: 300 },
    );
  });

  it("knows that a job does not train faster than it can", () => {
    const jobs = [1, 2, 3].map((units) => bounded({ arrival: 0, units }));
    expect(fleetBounds(jobs, 3)).toEqual({ makespanNs: 3, meanTurnaroundNs: 2 });
    // Two at once: no order is better than 1 and 2, then 3 behind 1, which ends at 1, 2 and 4.
    const { makespanNs, meanTurnaroundNs } = fleetBounds(jobs, 2);
    expect(makespanNs).toBe(3);
    // The means of the shortest first on a server of speed 2 are 1/4, 1 and 9/4, and half of each job comes behind.
    expect(meanTurnaroundNs).toBeCloseTo((0.25 + 1 + 2.25 + 3) / 3, 12);
  });

  it("is below what every policy reaches, in random fleets whose stages are never more than busy", {
    tags: ["slow"],
  }, () => {
    const job = fc.record({
      arrivalNs: fc.integer({ min: 0, max: 2_000_000 }),
      iterations: fc.integer({ min: 1, max: 12 }),
      priority: fc.integer({ min: 0, max: 2 }),
      stagesNs: fc.array(fc.integer({ min: 1000, max: 60_000 }), { minLength: 3, maxLength: 3 }),
      beyondNs: fc.integer({ min: 0, max: 90_000 }),
    });
    const fleets = fc.record({
      jobs: fc.array(job, { minLength: 1, maxLength: 14 }),
      numPipelines: fc.integer({ min: 1, max: 3 }),
      most: fc.integer({ min: 1, max: 4 }),
      policy: fc.constantFrom(...POLICIES),
    });
    fc.assert(
      fc.property(fleets, ({ jobs, numPipelines, most, policy }) => {
        const inOrder = [...jobs].sort((a, b) => a.arrivalNs - b.arrivalNs);
        const least = inOrder.map(({ stagesNs, beyondNs }) => Math.max(...stagesNs) + beyondNs);
        const resources = {
          numPipelines,
          isSteady: true,
          shortfall: (_: number, own: readonly FleetJob[]) =>
            own.length > most ? ({ kind: "jobs", most } as const) : undefined,
          kindOf: () => "",
          iterationNs: ({ number }: FleetJob) => least[number]!,
          nextBytes: () => 1,
          nextLength: ({ number }: FleetJob) => number,
        };
        // Each as fast as it can, or all of them slower by as much as the busiest stage would be over.
        const iterationNs = (_: number, own: readonly FleetJob[]): readonly number[] => {
          const loads = [0, 1, 2].map((at) =>
            sum(own.map(({ number }) => inOrder[number]!.stagesNs[at]! / least[number]!)),
          );
          return own.map(({ number }) => least[number]! * Math.max(1, ...loads));
        };
        const simulated = inOrder.map(({ arrivalNs, iterations, priority }, number) => ({
          request: { name: `${number}`, user: "", priority, arrivalNs, iterations, deadlineNs: null, tokens: 1 },
          iterations,
        }));
        const forecast = fleetForecaster({ times: { iterationNs }, isAhead: false });
        const { outcomes, makespanNs } = new FleetRun(
          simulated,
          new Scheduler(policyOf(policy, resources, { forecast }), resources),
          {
            numPipelines,
            times: { iterationNs },
          },
        ).run();
        const bounds = fleetBounds(
          inOrder.map(({ arrivalNs, iterations, stagesNs }, number) => ({
            arrivalNs,
            leastNs: iterations * least[number]!,
            loadsNs: [...stagesNs, least[number]! / most].map((ns) => iterations * ns),
          })),
          numPipelines,
        );
        const mean = sum(outcomes.map(({ endNs, arrivalNs }) => endNs! - arrivalNs)) / outcomes.length;
        expect(bounds.makespanNs).toBeLessThanOrEqual(makespanNs * (1 + 5 * ROUNDED));
        expect(bounds.meanTurnaroundNs).toBeLessThanOrEqual(mean * (1 + 5 * ROUNDED));
        expect(bounds.makespanNs).toBeGreaterThan(0);
      }),
      { numRuns: 600 },
    );
  });
});

const smallJob = fc.record({
  rank: fc.integer({ min: 1, max: 8 }),
  steps: fc.integer({ min: 2, max: 30 }),
  batchSize: fc.constantFrom(2, 4),
  microBatchSize: fc.constantFrom(1, 2),
  length: fc.integer({ min: 6, max: 60 }),
  spread: fc.integer({ min: 1, max: 40 }),
});

function simulated(jobs: readonly SmallJob[], devices: string, policy: (typeof POLICIES)[number], most?: number) {
  const plan = planSmall(smallCase(jobs), { devices, groups: "unfused" });
  const costs = createCostModel(plan.calibration, "float32");
  const members = worksOfPlan(plan).map((work, i) => ({
    work,
    arrival: { user: `${i % 2}`, arrivalNs: i * 7e9, deadlineNs: null },
  }));
  const more = most === undefined ? {} : { most };
  return simulateFleet({ setting: fleetSetting(plan), costs, members, policy, ...more });
}

describe("a simulated fleet beside its bounds", () => {
  it("never beats them, under any policy", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(
        fc.array(smallJob, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 3 }),
        fc.constantFrom(...POLICIES),
        fc.constantFrom(undefined, 1, 2),
        (jobs, numDevices, policy, most) => {
          const { metrics } = simulated(jobs as readonly SmallJob[], `unit*${numDevices}`, policy, most);
          for (const { ratio } of Object.values(metrics.bounds!)) expect(ratio).toBeGreaterThanOrEqual(1 - ROUNDED);
          for (const share of metrics.utilisation) expect(share).toBeLessThanOrEqual(1);
          expect(metrics.slowdown.mean).toBeGreaterThanOrEqual(1 - ROUNDED);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("reaches them with one job, and with jobs one after the other, the shortest first", () => {
    const one = simulated([{ steps: 5, batchSize: 4, microBatchSize: 1 }], "unit*3", "fifo");
    // Three stages, four micro-batches: (4 + 2) forwards of 1 s and backwards of 2 s an iteration.
    expect(one.metrics.makespanSeconds).toBeCloseTo(5 * 18, 6);
    for (const { ratio } of Object.values(one.metrics.bounds!)) expect(ratio).toBeCloseTo(1, 9);
    const { metrics } = simulated([{ steps: 3 }, { steps: 6 }, { steps: 9 }], "unit*2", "sjf", 1);
    expect(metrics.bounds!.meanTurnaround.ratio).toBeCloseTo(1, 9);
    expect(metrics.bounds!.makespan.ratio).toBeCloseTo(1, 9);
    expect(metrics.utilisation).toEqual([1]);
  });

  it("says how alike users were served", () => {
    expect(jainIndex([3, 3, 3])).toBe(1);
    expect(jainIndex([5, 0, 0, 0])).toBe(0.25);
    expect(jainIndex([])).toBe(1);
    const spans = [
      [2, 6],
      [0, 4],
      [9, 10],
      [8, 12],
    ] as const;
    expect(coveredNs(spans)).toBe(10);
    const { metrics, outcomes } = simulated([{ steps: 10 }, { steps: 10 }], "unit*1", "fifo", 1);
    // The second user gets as much in as long a time, but waits for it.
    const [first, second] = outcomes.map(({ endNs, arrivalNs }) => endNs! - arrivalNs);
    const rates = [1 / first!, 1 / second!];
    expect(metrics.fairness).toBeCloseTo(jainIndex(rates), 2);
    expect(metrics.fairness).toBeLessThan(0.999);
    expect(metrics.tokensPerSecond).toBeGreaterThan(0);
  });
});
