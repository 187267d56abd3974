import { describe, expect, it } from "vitest";
import { createRng, type Rng } from "../../../core/index.ts";
import { policyOf, Scheduler } from "../../../plan/index.ts";
import { predictEnds } from "../../../sim/fleet/predict-ends.ts";
import { endsOf, FleetRun } from "../../../sim/fleet/run-fleet.ts";
import { SeenPace } from "../../../sim/fleet/seen-pace.ts";
import { pacePaths, type TimePath } from "../../../sim/fleet/time-paths.ts";
import { busyFleet } from "./busy-fleet.ts";

const SECOND = 1e9;

/** A machine that takes `level` of the predicted time, now and then another one. */
function machine(levels: (rng: Rng) => number, staysSeconds: number, seed: string): TimePath {
  const rng = createRng(`machine ${seed}`);
  const path = [{ workNs: 0, ns: 0, level: levels(rng) }];
  while (path.at(-1)!.workNs < 1e5 * SECOND) {
    const { workNs, ns, level } = path.at(-1)!;
    const lasts = -Math.log(1 - rng.nextFloat()) * staysSeconds * SECOND;
    path.push({ workNs: workNs + lasts / level, ns: ns + lasts, level: levels(rng) });
  }
  return (workNs) => {
    const from = path.findLast((each) => each.workNs <= workNs)!;
    return from.ns + (workNs - from.workNs) * from.level;
  };
}

/** Of many moments of many fleets on a machine, the share of ends that lie where they are said to. */
function coverage(truthOf: (seed: string) => TimePath, from = 1): { readonly inside: number; readonly all: number } {
  let [inside, all] = [0, 0];
  for (let seed = 0; seed < 12; seed += 1) {
    const truth = truthOf(`${seed}`);
    const { resources, times, jobs } = busyFleet(`paths ${seed}`, { count: 10, numPipelines: 1, load: 1, priorities: 1 });
    const policy = policyOf("fifo", resources);
    // All are there from the start, so that what is predicted and what is true differ in the pace alone.
    const there = jobs.map((job) => ({ ...job, request: { ...job.request, arrivalNs: 0 } }));
    const run = new FleetRun(there, new Scheduler(policy, resources), { numPipelines: 1, times, isAhead: true });
    const whole = new FleetRun(there, new Scheduler(policy, resources), { numPipelines: 1, times, isAhead: true });
    const ends = endsOf(whole.run());
    const seen = new SeenPace();
    const lastNs = Math.max(...ends.values());
    let doneNs = 0;
    for (let moment = 0; moment < 8; moment += 1) {
      const atNs = (lastNs * (moment + from)) / 12;
      run.advance({ untilNs: atNs });
      // An iteration a second of predicted time.
      for (; doneNs + SECOND <= atNs; doneNs += SECOND) seen.add(truth(doneNs + SECOND) - truth(doneNs), SECOND);
      const { state } = run.cut(atNs);
      const now = { state, policy, machines: { resources, times, isAhead: true } };
      const before = (draw: number) => () => Math.exp(0.1 * createRng(`before ${draw}`).nextNormal());
      const paths = pacePaths({ before, seen, seed });
      for (const { number, lowNs, highNs } of predictEnds(now, { paths, draws: 100, level: 0.9, seed })) {
        const trueNs = atNs + truth(ends.get(number)!) - truth(atNs);
        all += 1;
        if (trueNs >= lowNs && trueNs <= highNs) inside += 1;
      }
    }
  }
  return { inside, all };
}

describe("the ends of jobs on a machine that nobody knew", () => {
  it.each([
    ["that is as it was predicted", () => 1, 1e4],
    ["that takes four times as long all the time", () => 4, 1e4],
    ["that is half as fast for minutes", (rng: Rng) => (rng.nextFloat() < 0.5 ? 1 : 2), 200],
    ["that loses between nothing and four fifths of its time, and that for half a minute", (rng: Rng) => 1 + 4 * rng.nextFloat(), 30],
    ["that changes every second", (rng: Rng) => 1 + 2 * rng.nextFloat(), 1],
  ])("lie in their 90 %% intervals: one %s", (_, levels, stays) => {
    const { inside, all } = coverage((seed) => machine(levels, stays, seed));
    expect(all).toBeGreaterThan(300);
    expect(inside / all).toBeGreaterThan(0.85);
  });
});
