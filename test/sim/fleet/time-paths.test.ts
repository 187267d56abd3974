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
  while (path.at(-1)!.workNs < 5000 * SECOND) {
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
function coverage(levels: (rng: Rng) => number, staysSeconds: number, known: (rng: Rng) => number) {
  let [inside, all] = [0, 0];
  for (let seed = 0; seed < 12; seed += 1) {
    const truth = machine(levels, staysSeconds, `${seed}`);
    const { resources, times, jobs } = busyFleet(`paths ${seed}`, {
      count: 10,
      numPipelines: 1,
      load: 1,
      priorities: 1,
    });
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
      const atNs = (lastNs * (moment + 1)) / 12;
      run.advance({ untilNs: atNs });
      // An iteration a second of predicted time.
      for (; doneNs + SECOND <= atNs; doneNs += SECOND) seen.add(truth(doneNs + SECOND) - truth(doneNs), SECOND);
      const { state } = run.cut(atNs);
      const now = { state, policy, machines: { resources, times, isAhead: true } };
      const before = (draw: number) => () => {
        const rng = createRng(`before ${draw}`);
        return known(rng) * Math.exp(0.1 * rng.nextNormal());
      };
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

describe("the ends of jobs on a machine", () => {
  const even = (): number => 1;
  const interrupted = (rng: Rng): number => 1 + 4 * rng.nextFloat();
  const oneOfTwo = (rng: Rng): number => (rng.nextFloat() < 0.5 ? 1 : 4);
  it.each([
    { what: "is as it was", levels: even, stays: 1e4, known: even },
    {
      what: "takes four times as long all the time, which nobody has seen before",
      levels: () => 4,
      stays: 1e4,
      known: even,
    },
    { what: "loses up to four fifths of its time for half a minute", levels: interrupted, stays: 30, known: even },
    { what: "does so for seconds", levels: interrupted, stays: 5, known: even },
    // Minutes in the one state say nothing of the other: no rule covers 90 % of these.
    { what: "takes four times as long every other minute", levels: oneOfTwo, stays: 60, known: even, least: 0.75 },
    {
      what: "does so for three minutes each, as was seen before",
      levels: oneOfTwo,
      stays: 180,
      known: oneOfTwo,
      least: 0.75,
    },
  ])(
    "that $what lie in their 90 % intervals",
    { tags: ["slow"], timeout: 300_000 },
    ({ levels, stays, known, least = 0.85 }) => {
      const { inside, all } = coverage(levels, stays, known);
      expect(all).toBeGreaterThan(300);
      expect(inside / all).toBeGreaterThan(least);
    },
  );
});
