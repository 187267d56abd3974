import { describe, expect, it } from "vitest";
import { sum } from "../../../core/index.ts";
import {
  type JournalLine,
  POLICIES,
  type Policy,
  type PolicyName,
  policyOf,
  priorityWeights,
  Scheduler,
} from "../../../plan/index.ts";
import { fleetForecaster } from "../../../sim/fleet/forecast.ts";
import { FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { type BusyFleet, busyFleet } from "./busy-fleet.ts";

interface Run {
  /** Seconds from arrival to end, the mean of all jobs, weighted by priority. */
  readonly turnaround: number;
  readonly makespan: number;
  readonly lines: readonly JournalLine[];
}

function policyFor({ resources, times }: BusyFleet, name: PolicyName, objective?: "makespan"): Policy {
  const forecast = fleetForecaster({ times, isAhead: true });
  return policyOf(name, resources, { forecast, ...(objective === undefined ? {} : { objective }) });
}

function run(fleet: BusyFleet, policy: Policy): Run {
  const { jobs, resources, times } = fleet;
  const lines: JournalLine[] = [];
  const result = new FleetRun(jobs, new Scheduler(policy, resources), {
    numPipelines: resources.numPipelines,
    times,
    isAhead: true,
    onLine: (line) => void lines.push(line),
  }).run();
  const weights = priorityWeights(jobs.map(({ request }) => request.priority));
  const turnarounds = result.outcomes.map(({ endNs, arrivalNs }) => (endNs! - arrivalNs) / 1e9);
  const turnaround = sum(turnarounds.map((seconds, job) => seconds * weights[job]!)) / sum(weights);
  return { turnaround, makespan: result.makespanNs / 1e9, lines };
}

/** Twenty workloads: light and heavy ones, and all at once; with priorities and without; some with early ends. */
const FLEETS = Array.from({ length: 20 }, (_, seed) =>
  busyFleet(`${seed}`, {
    count: 24 + 8 * (seed % 3),
    numPipelines: 1 + (seed % 3),
    load: [0.7, 0.9, 1.2, Number.POSITIVE_INFINITY][seed % 4]!,
    priorities: seed % 2 === 0 ? 1 : 3,
    early: seed % 5 === 0 ? 0.2 : 0,
  }),
);

describe("the policy that simulates the others", () => {
  it("is no worse than the best of them on at least 18 of 20 workloads", { tags: ["slow"] }, () => {
    // With priorities the mean is weighted by them.
    const of = (fleet: BusyFleet, name: PolicyName): number => run(fleet, policyFor(fleet, name)).turnaround;
    const ratios = FLEETS.map((fleet) => {
      const singles = POLICIES.filter((name) => name !== "twin").map((name) => of(fleet, name));
      return of(fleet, "twin") / Math.min(...singles);
    });
    expect(ratios.filter((ratio) => ratio <= 1).length).toBeGreaterThanOrEqual(18);
    expect(Math.max(...ratios)).toBeLessThan(1.02);
  });

  it("ends all sooner where that is the objective", { tags: ["slow"] }, () => {
    const ratios = FLEETS.slice(0, 8).map((fleet) => {
      const spans = [policyFor(fleet, "twin", "makespan"), policyFor(fleet, "twin")].map(
        (policy) => run(fleet, policy).makespan,
      );
      return spans[0]! / spans[1]!;
    });
    expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeLessThan(1);
    expect(Math.max(...ratios)).toBeLessThan(1.05);
  });

  it("says what each policy would have brought, and decides the same when its journal is replayed", () => {
    const fleet = FLEETS[3]!;
    const { lines } = run(fleet, policyFor(fleet, "twin"));
    const reasons = lines.flatMap(({ decisions }) => decisions.map(({ why }) => why));
    expect(reasons[0]).toMatch(
      /^\d+ iterations are predicted to be left \(sjf, 2 at once; of mean turnaround: sjf, 2 at once [\d.]+ min [\d.]+ s; .*fifo [^;]+;/,
    );
    for (const name of ["fifo", "sjf", "priority", "mlora", "adaptive"])
      for (const fewer of ["", ", 1 at once", ", 2 at once"]) expect(reasons[0]).toContain(`${name}${fewer} `);
    const again = new Scheduler(policyFor(fleet, "twin"), fleet.resources);
    for (const line of lines) expect(again.trigger(line.atNs, line.events)).toEqual(line);
  });

  it("asks for forecasts only where something has changed, and within a budget", () => {
    const fleet = FLEETS[1]!;
    const { resources, times } = fleet;
    const forecast = fleetForecaster({ times, isAhead: true });
    let asked = 0;
    const budgets: number[] = [];
    const policy = policyOf("twin", resources, {
      forecast(now, other, triggers) {
        asked += 1;
        budgets.push(triggers);
        return forecast(now, other, triggers);
      },
    });
    const { lines } = run(fleet, policy);
    const changed = lines.filter(({ events }) => events.some(({ kind }) => kind !== "progress"));
    expect(lines.length).toBeGreaterThan(changed.length);
    // Five policies, each with all that fit and with at most 1, 2, 4 and 8 at once.
    expect(asked).toBeLessThanOrEqual(25 * changed.length);
    expect(asked).toBeGreaterThanOrEqual(5 * (changed.length - 1));
    expect(Math.max(...budgets)).toBeLessThanOrEqual(20_000 / 5);
  });

  it("estimates what it has no triggers to simulate", () => {
    const { jobs, resources, times } = FLEETS[3]!;
    const scheduler = new Scheduler(policyOf("fifo", resources), resources);
    const events = jobs.map(({ request }, number) => ({
      kind: "arrived" as const,
      number,
      request: { ...request, arrivalNs: 0 },
      predicted: request.iterations,
    }));
    scheduler.trigger(0, events);
    const forecast = fleetForecaster({ times, isAhead: true });
    const state = scheduler.state();
    const [whole, cut] = [1000, 12].map((triggers) =>
      forecast({ state, resources }, policyOf("sjf", resources), triggers),
    );
    expect([...cut!.keys()].sort()).toEqual([...whole!.keys()].sort());
    expect(whole!.size).toBe(jobs.length);
    // What was simulated is as it is without a limit.
    const same = [...whole!].filter(([number, ns]) => cut!.get(number) === ns);
    expect(same.length).toBeGreaterThan(5);
    expect(same.length).toBeLessThan(jobs.length);
  });
});
