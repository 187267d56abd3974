import { describe, expect, it } from "vitest";
import { createRng } from "../../../core/index.ts";
import { policyOf, Scheduler } from "../../../plan/index.ts";
import type { FleetTimes } from "../../../sim/fleet/fleet-times.ts";
import { type IterationRange, type PredictedEnd, predictEnds } from "../../../sim/fleet/predict-ends.ts";
import { endsOf, FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { spreadFactors } from "../../../sim/fleet/time-factors.ts";
import { whatIf } from "../../../sim/fleet/what-if.ts";
import { type BusyFleet, busyFleet } from "./busy-fleet.ts";

const SPREAD = { shared: 0.15, own: 0.1 };
const exact = { factors: () => () => 1, draws: 1, level: 0.9, seed: 0 };

/** A fleet whose times differ from those that are predicted by a known spread, cut when so many jobs have come. */
function cutFleet(seed: string, arrived: number) {
  const fleet = busyFleet(seed, { count: 18, numPipelines: 2, load: 1, priorities: 3 });
  const { resources, times } = fleet;
  const factorOf = spreadFactors(SPREAD, createRng(`truth ${seed}`).nextInt(2 ** 30))(0);
  const trueTimes: FleetTimes = {
    iterationNs: (pipeline, jobs) =>
      times.iterationNs(pipeline, jobs).map((ns, place) => ns * factorOf(jobs[place]!.number)),
  };
  const rng = createRng(`early ${seed}`);
  // Half of the jobs end early, somewhere in a range that is known; the middle of it is predicted.
  const ranges = new Map<number, IterationRange>();
  const jobs = fleet.jobs.map((job, number) => {
    if (number % 2 === 0) return job;
    const middle = 0.6 * job.request.iterations;
    const half = 0.2 * job.request.iterations;
    ranges.set(number, { low: Math.round(middle - half), high: Math.round(middle + half) });
    const iterations = Math.round(middle + (half / 1.645) * rng.nextNormal());
    return {
      ...job,
      predicted: Math.round(middle),
      iterations: Math.max(1, Math.min(job.request.iterations, iterations)),
    };
  });
  const policy = policyOf("mlora", resources);
  const machines = { numPipelines: 2, times: trueTimes, isAhead: true };
  const run = new FleetRun(jobs, new Scheduler(policy, resources), machines);
  run.advance({ untilNs: jobs[arrived - 1]!.request.arrivalNs });
  const { state, toCome } = run.cut();
  // What is to come is not known, and does not come.
  const goneOn = new FleetRun([], new Scheduler(policy, resources, state.scheduler), {
    ...machines,
    from: { state, truths: run.cut().truths },
  });
  return { fleet, policy, state, toCome, ranges, trueEnds: () => endsOf(goneOn.run()) };
}

function nowOf({ fleet, policy, state }: ReturnType<typeof cutFleet>) {
  const { resources, times }: BusyFleet = fleet;
  return { state, policy, machines: { resources, times, isAhead: true } };
}

describe("the predicted ends of a fleet's jobs", () => {
  it("lie in their 90 % intervals nine times out of ten, and where they were predicted in the middle", {
    tags: ["slow"],
  }, () => {
    let [inside, below, all] = [0, 0, 0];
    for (let seed = 0; seed < 60; seed += 1) {
      const cut = cutFleet(`${seed}`, 4 + (seed % 12));
      const predicted = predictEnds(nowOf(cut), {
        factors: spreadFactors(SPREAD, seed),
        iterations: cut.ranges,
        draws: 80,
        level: 0.9,
        seed,
      });
      const ends = cut.trueEnds();
      expect(predicted.map(({ number }) => number)).toEqual([...ends.keys()].sort((a, b) => a - b));
      for (const { number, endNs, lowNs, highNs } of predicted) {
        const trueNs = ends.get(number)!;
        all += 1;
        if (trueNs >= lowNs && trueNs <= highNs) inside += 1;
        if (trueNs < endNs) below += 1;
      }
    }
    expect(all).toBeGreaterThan(200);
    expect(inside / all).toBeGreaterThan(0.85);
    expect(inside / all).toBeLessThan(0.95);
    expect(below / all).toBeGreaterThan(0.35);
    expect(below / all).toBeLessThan(0.65);
  });

  it("are those that happen where nothing differs, in an interval of no width", () => {
    const fleet = busyFleet("exact", { count: 12, numPipelines: 2, load: 1, priorities: 2 });
    const { resources, times, jobs } = fleet;
    const policy = policyOf("sjf", resources);
    const run = new FleetRun(jobs, new Scheduler(policy, resources), { numPipelines: 2, times, isAhead: true });
    run.advance({ triggers: 9 });
    const { state, toCome, truths } = run.cut();
    const machines = { resources, times, isAhead: true };
    const predicted = predictEnds({ state, policy, machines, toCome, truths }, exact);
    const ends = endsOf(run.run());
    expect(predicted.length).toBeGreaterThan(5);
    const isExact = ({ number, endNs, lowNs, highNs }: PredictedEnd): boolean =>
      [endNs, lowNs, highNs].every((ns) => ns === ends.get(number));
    expect(predicted.every(isExact)).toBe(true);
  });

  it("has none for a job that is paused", () => {
    const cut = cutFleet("paused", 6);
    const { number } = cut.state.placed[0]!;
    const pending = [...cut.state.pending, { kind: "pause", number } as const];
    const predicted = predictEnds({ ...nowOf(cut), state: { ...cut.state, pending } }, exact);
    const there = predicted.map((each) => each.number);
    expect(there).not.toContain(number);
    expect(there.length).toBe(predictEnds(nowOf(cut), exact).length - 1);
  });
});

describe("what would happen if a job came", () => {
  const fleet = busyFleet("what", { count: 9, numPipelines: 1, load: 1.5, priorities: 1 });
  const { resources, times, jobs } = fleet;
  const machines = { resources, times, isAhead: true };
  // The fifth job is asked about; those before it are there, those behind it are to come.
  const asked = jobs[4]!;
  const others = [...jobs.slice(0, 4), ...jobs.slice(5)];
  const nowUnder = (name: "fifo" | "sjf" | "deadline") => {
    const policy = policyOf(name, resources);
    const run = new FleetRun(others.slice(0, 4), new Scheduler(policy, resources), {
      numPipelines: 1,
      times,
      isAhead: true,
    });
    run.advance({ untilNs: asked.request.arrivalNs });
    return { state: run.cut(asked.request.arrivalNs).state, policy, machines, toCome: jobs.slice(5) };
  };

  it.each(["fifo", "sjf"] as const)("says under %s what then happens, and changes nothing", (name) => {
    const now = nowUnder(name);
    const before = JSON.stringify(now.state);
    const answer = whatIf({ now, job: asked, spread: { ...exact, factors: spreadFactors(SPREAD, 1), draws: 40 } });
    if (!answer.admitted) throw new Error(answer.why);
    const ofAll = (all: typeof jobs, numbers: readonly number[]) => {
      // The machines know jobs by their numbers among all.
      const renumbered = {
        iterationNs: (at: number, own: readonly { readonly number: number }[]) =>
          times.iterationNs(at, own.map((job) => ({ ...job, number: numbers[job.number]! })) as never),
      };
      const known = {
        ...resources,
        shortfall: (at: number, own: readonly { readonly number: number }[]) =>
          resources.shortfall(at, own.map((job) => ({ ...job, number: numbers[job.number]! })) as never),
        kindOf: (job: { readonly number: number }) =>
          resources.kindOf({ ...job, number: numbers[job.number]! } as never),
        iterationNs: (job: { readonly number: number }) =>
          resources.iterationNs({ ...job, number: numbers[job.number]! } as never),
      };
      const policy = policyOf(name, known);
      return new FleetRun(all, new Scheduler(policy, known), {
        numPipelines: 1,
        times: renumbered,
        isAhead: true,
      }).run();
    };
    const withIt = ofAll(
      jobs,
      jobs.map((_, number) => number),
    ).outcomes;
    const without = new Map(
      ofAll(
        others,
        others.map((_, number) => (number < 4 ? number : number + 1)),
      ).outcomes.map((each) => [each.name, each]),
    );
    const mine = withIt[4]!;
    expect([answer.startSeconds, answer.end.seconds]).toEqual([mine.startNs! / 1e9, mine.endNs! / 1e9]);
    expect(answer.end.low).toBeLessThan(answer.end.seconds);
    expect(answer.end.high).toBeGreaterThan(answer.end.seconds);
    const delays = withIt.flatMap(({ name: other, endNs }) => {
      const byNs = endNs! - (without.get(other)?.endNs ?? endNs!);
      return byNs === 0 ? [] : [{ name: other, bySeconds: byNs / 1e9, lateSeconds: 0 }];
    });
    expect(delays.length).toBeGreaterThan(0);
    expect(answer.delays).toEqual(delays);
    expect(JSON.stringify(now.state)).toBe(before);
  });

  it("refuses a job that fits nowhere, with the table, and one that the policy refuses", () => {
    const now = nowUnder("fifo");
    const tight = { ...resources, shortfall: () => ({ kind: "memory", device: "gpu:3", bytes: 2 ** 30 }) as const };
    const request = { now: { ...now, machines: { ...machines, resources: tight } }, job: asked, spread: exact };
    expect(whatIf({ ...request, memoryTable: () => "a table" })).toEqual({
      admitted: false,
      policy: "fifo",
      why: "it fits on no pipeline even alone: memory short by 1.00 GiB on gpu:3",
      detail: "a table",
    });
    const due = { ...asked, request: { ...asked.request, deadlineNs: asked.request.arrivalNs + 1 } };
    const refused = whatIf({ now: nowUnder("deadline"), job: due, spread: exact });
    expect(refused).toMatchObject({ admitted: false, policy: "deadline" });
    expect(!refused.admitted && refused.why).toMatch(/^alone from now on it would end .* after its deadline$/);
  });
});
