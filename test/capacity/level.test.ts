import { describe, expect, it } from "vitest";
import { candidateFleet } from "../../capacity/candidate-fleet.ts";
import { judgeInput } from "../../capacity/find-capacity.ts";
import { levelGroups, levelHours } from "../../capacity/level.ts";
import { drawnFleet } from "../../capacity/simulated-draws.ts";
import { aloneSeconds, simulateSlots } from "../../capacity/slot-fleet.ts";
import { slotKind } from "../../capacity/slot-kind.ts";
import { CATALOG, type Candidate, forecastSchema } from "../../plan/index.ts";
import { PRICES } from "./small-world.ts";

const kind = (name: string, more: object = {}) => ({
  ...{ name, model: "llama-3-8b", perDay: 40, samples: 8000, samplesSigma: 0.5, batchSize: 16 },
  ...{ tokens: { mean: 500, max: 2048 }, ...more },
});

function forecastOf(kinds: readonly object[], more: object = {}) {
  return forecastSchema.parse({ kind: "forecast", version: 1, days: 2, level: { hours: 4 }, kinds, ...more });
}

function fleetOf(forecast: ReturnType<typeof forecastOf>, change: Partial<Candidate>) {
  const request = {
    ...{ forecast, kinds: forecast.kinds.map(slotKind), catalog: CATALOG, prices: PRICES, candidates: [] },
    ...{ drawing: { draws: 3, seed: 0 }, mostDraws: 3, probability: 1, objective: "cost" as const },
  };
  const candidate: Candidate = {
    ...{ accelerator: "H100 SXM", count: 1, slot: 1, precision: "float8", jobsAtOnce: 1, policy: "fifo" },
    ...{ tenure: "spot", ...change },
  };
  const known = candidateFleet(candidate, request);
  if (!("fleet" in known)) throw new Error(known.detail);
  return { known, input: judgeInput(request) };
}

describe("levels of service", () => {
  it("are a kind's own, its priority's, or those of all others", () => {
    const urgent = { priority: 5, level: { percent: 99, hours: 1 } };
    const forecast = forecastOf(
      [
        kind("one", { priority: 5 }),
        kind("own", { priority: 5, level: { percent: 50, hours: 9 } }),
        kind("plain"),
        kind("two", { priority: 5, batchSize: 8 }),
        kind("last"),
      ],
      { priorities: [urgent] },
    );
    expect(levelGroups(forecast).map(({ level, names }) => [level.hours, names])).toEqual([
      [1, ["one", "two"]],
      [9, ["own"]],
      [4, ["plain", "last"]],
    ]);
  });

  it("of a priority are told once, and of one that somebody has", () => {
    const level = { hours: 1 };
    const refused = (priorities: readonly object[]) => () => forecastOf([kind("one", { priority: 1 })], { priorities });
    expect(refused([{ priority: 2, level }])).toThrow("a priority that some kind has");
    expect(refused([1, 1].map((priority) => ({ priority, level })))).toThrow("each priority once");
    expect(refused([{ priority: 1, level }])).not.toThrow();
  });

  it("are deadlines for the policy of that name, which refuses jobs that cannot meet theirs", () => {
    const forecast = forecastOf([kind("small", { perDay: 60, samples: 60_000 })], {
      level: { percent: 95, hours: 1.5 },
    });
    const hours = (policy: Candidate["policy"]) => {
      const { known, input } = fleetOf(forecast, { policy, tenure: "on-demand" });
      const jobs = input.draws[0]!;
      const { turnaroundSeconds, busySeconds } = simulateSlots(known.fleet, jobs);
      const ended = jobs.map((job, index) => ({ kind: job.kind, seconds: turnaroundSeconds[index]! }));
      const refused = turnaroundSeconds.filter((seconds) => seconds >= known.fleet.spanSeconds).length;
      const inTime = turnaroundSeconds.filter((seconds) => seconds <= 1.5 * 3600).length;
      return { refused, inTime, busy: busySeconds[0]!, level: levelHours(input.groups[0]!, ended) };
    };
    const [fifo, deadline] = [hours("fifo"), hours("deadline")];
    expect(fifo.refused).toBe(0);
    expect(deadline.refused).toBeGreaterThan(5);
    expect(deadline.inTime).toBeGreaterThan(fifo.inTime);
    expect(deadline.busy).toBeLessThan(fifo.busy);
    // A job that is refused counts as one that was late.
    expect(deadline.level).toBeGreaterThan(48);
  });
});

describe("interruptions", () => {
  it("are drawn for each job in all draws but the first, and the same for whoever is asked", () => {
    const forecast = forecastOf([kind("small", { samples: 40_000 })]);
    const { known, input } = fleetOf(forecast, {});
    const luck = (draw: number) => {
      const fleet = drawnFleet(known, draw);
      return input.draws[draw]!.map((job) => fleet.luckOf(job));
    };
    expect(luck(0).every((each) => each === 1)).toBe(true);
    const first = luck(1);
    expect(new Set(first).size).toBeGreaterThan(first.length / 2);
    expect(luck(1)).toEqual(first);
    expect(luck(2)).not.toEqual(first);
    const mean = first.reduce((sum, each) => sum + each, 0) / first.length;
    expect(mean).toBeGreaterThan(0.9);
    expect(mean).toBeLessThan(1.1);
    const { known: demanded } = fleetOf(forecast, { tenure: "on-demand" });
    const job = input.draws[1]![0]!;
    expect(drawnFleet(demanded, 1).luckOf(job)).toBe(1);
    const spot = drawnFleet(known, 1);
    expect(aloneSeconds(spot, job) / aloneSeconds({ ...spot, luckOf: () => 1 }, job)).toBeCloseTo(spot.luckOf(job), 9);
  });
});
