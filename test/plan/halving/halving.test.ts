import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type HalvingEvent,
  type HalvingPlan,
  type HalvingState,
  halvingRungs,
  halvingStep,
  type RungVerdict,
  startHalving,
} from "../../../plan/index.ts";

/** Tells a machine its events one by one; `verdicts` are all so far, as text. */
function machineOf(plan: HalvingPlan) {
  let state: HalvingState = startHalving(plan);
  const all: RungVerdict[] = [];
  return {
    all,
    state: () => state,
    tell(event: HalvingEvent): readonly string[] {
      // What is kept between events is JSON.
      const step = halvingStep(plan, JSON.parse(JSON.stringify(state)), event);
      state = step.state;
      all.push(...step.verdicts);
      return step.verdicts.map(({ kind, job, rung }) => `${kind} ${job}@${rung}`);
    },
  };
}

const loss = (job: number, iteration: number, value: number): HalvingEvent => ({
  kind: "loss",
  job,
  iteration,
  loss: value,
});

const rules = (numJobs: number, rungs: readonly number[], own: Partial<HalvingPlan> = {}): HalvingPlan => ({
  rungs: Array.from({ length: numJobs }, () => rungs),
  ...{ eta: 2, keep: 1 },
  over: 1,
  synchronous: false,
  ...own,
});

describe("asynchronous halving", () => {
  it("lets the best half of those that have come go on, and stops whoever cannot be among the best half of all", () => {
    const { tell, all } = machineOf(rules(4, [10, 20]));
    expect(tell(loss(0, 9, 3))).toEqual([]);
    expect(tell(loss(0, 10, 3))).toEqual(["pause 0@0"]);
    // The better of two goes on; the other one may still be the second of four.
    expect(tell(loss(1, 10, 2))).toEqual(["go-on 1@0"]);
    expect(tell(loss(2, 10, 2.5))).toEqual(["pause 2@0", "stop 0@0"]);
    expect(all.at(-1)!.why).toBe("3rd of 3 at 10 iterations: loss 3.000, at most 2 go on, and the 2nd has 2.500");
    // The last one is better than all: it goes on, and 2 stops.
    expect(tell(loss(3, 10, 1))).toEqual(["go-on 3@0", "stop 2@0"]);
    expect(tell(loss(3, 20, 0.9))).toEqual(["pause 3@1"]);
    expect(tell(loss(1, 20, 1.5))).toEqual(["stop 1@1", "go-on 3@1"]);
    expect(all.at(-1)).toMatchObject({ wasPaused: true, why: "1st of 2 at 20 iterations: loss 0.900, 1 goes on" });
  });

  it("takes the mean of the last losses, and those of a job that is paused for nothing", () => {
    const { tell, state } = machineOf(rules(2, [4], { over: 3 }));
    for (const [iteration, value] of [9, 5, 1, 3].entries()) tell(loss(0, iteration + 1, value));
    expect(state().results).toEqual([[{ job: 0, loss: 3 }]]);
    expect(tell(loss(0, 5, 100))).toEqual([]);
    expect(state().results).toEqual([[{ job: 0, loss: 3 }]]);
  });

  it("stops a job whose loss is no number, and waits no longer for jobs that are gone", () => {
    const { tell, all } = machineOf(rules(4, [10]));
    expect(tell(loss(0, 10, 3))).toEqual(["pause 0@0"]);
    expect(tell(loss(1, 3, Number.NaN))).toEqual(["stop 1@0"]);
    expect(all.at(-1)!.why).toBe("its loss is NaN at 3 iterations");
    expect(tell({ kind: "gone", job: 2 })).toEqual([]);
    expect(tell({ kind: "gone", job: 3 })).toEqual(["go-on 0@0"]);
    expect(tell({ kind: "gone", job: 0 })).toEqual([]);
    expect(() => tell({ kind: "gone", job: 4 })).toThrow(/Expected a job of the sweep, got 4/);
  });

  it("gives a job's place to another one where it is cancelled while it waits", () => {
    const { tell } = machineOf(rules(3, [10], { eta: 3 }));
    expect(tell(loss(0, 10, 1))).toEqual(["pause 0@0"]);
    expect(tell({ kind: "gone", job: 0 })).toEqual([]);
    expect(tell(loss(1, 10, 2))).toEqual(["pause 1@0"]);
    expect(tell(loss(2, 10, 3))).toEqual(["stop 2@0", "go-on 1@0"]);
  });
});

describe("halving that keeps some", () => {
  it("stops only what is worse than so many, and lets these train to their end", () => {
    const { tell } = machineOf(rules(4, [10, 20], { eta: 4, keep: 3, synchronous: true }));
    expect(tell(loss(0, 10, 1))).toEqual(["pause 0@0"]);
    // Two others may still come. The first is among the best three even then.
    expect(tell(loss(1, 10, 2))).toEqual(["pause 1@0", "go-on 0@0"]);
    expect(tell(loss(2, 10, 3))).toEqual(["pause 2@0", "go-on 1@0"]);
    expect(tell(loss(3, 10, 9))).toEqual(["stop 3@0", "go-on 2@0"]);
    for (const job of [0, 1, 2]) expect(tell(loss(job, 20, 3 - job))).toEqual([`go-on ${job}@1`]);
  });
});

describe("rungs", () => {
  it("are where all have seen the same rows, before the end of every job", () => {
    const jobs = [
      { iterations: 100, batchSize: 4 },
      { iterations: 50, batchSize: 8 },
    ];
    expect(halvingRungs(jobs, { firstRows: 40, eta: 3 })).toEqual([
      [10, 30, 90],
      [5, 15, 45],
    ]);
    expect(halvingRungs(jobs, { firstRows: 400, eta: 3 })).toEqual([[], []]);
  });
});

const sweeps = fc.record({
  losses: fc.array(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 3, maxLength: 3 }), {
    minLength: 1,
    maxLength: 14,
  }),
  eta: fc.integer({ min: 2, max: 4 }),
  keep: fc.integer({ min: 1, max: 5 }),
  synchronous: fc.boolean(),
  order: fc.array(fc.nat(1000), { minLength: 60, maxLength: 60 }),
  cancelled: fc.option(fc.nat(13), { nil: undefined }),
});

type Sweep = typeof sweeps extends fc.Arbitrary<infer Drawn> ? Drawn : never;

/** Trains the jobs that may, one rung at a time in any order, until none is left; a job is gone after its last rung. */
function runSweep({ losses, eta, keep, synchronous, order, cancelled }: Sweep) {
  const machine = machineOf(rules(losses.length, [1, 2, 4], { eta, keep, synchronous }));
  const next = losses.map(() => 0);
  const reached: number[][] = [[], [], []];
  for (let turn = 0; ; turn += 1) {
    const training = machine.state().jobs.flatMap(({ standing }, job) => (standing === "training" ? [job] : []));
    if (training.length === 0) break;
    const job = training[order[turn % order.length]! % training.length]!;
    const rung = next[job]!;
    if (rung === 3 || (job === cancelled && rung === 1)) machine.tell({ kind: "gone", job });
    else {
      next[job] = rung + 1;
      reached[rung]!.push(job);
      machine.tell(loss(job, [1, 2, 4][rung]!, losses[job]![rung]!));
    }
  }
  return { machine, next, reached };
}

describe("halving of any sweep, in any order", () => {
  it("leaves nobody waiting, and trains at least one job to its end unless it is cancelled", () => {
    fc.assert(
      fc.property(sweeps, (sweep) => {
        const { machine, next } = runSweep(sweep);
        const { jobs } = machine.state();
        expect(jobs.filter(({ standing }) => standing === "paused")).toEqual([]);
        if (sweep.cancelled === undefined) expect(Math.max(...next)).toBe(3);
        for (const { kind, wasPaused } of machine.all) if (kind === "pause") expect(wasPaused).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("lets go on just the best of every rung where it is synchronous, and at least those otherwise", () => {
    fc.assert(
      fc.property(sweeps, (drawn) => {
        const { machine, reached } = runSweep({ ...drawn, cancelled: undefined });
        reached.forEach((there, rung) => {
          const sorted = [...there].sort((a, b) => drawn.losses[a]![rung]! - drawn.losses[b]![rung]! || a - b);
          const best = sorted.slice(0, Math.max(drawn.keep, Math.floor(there.length / drawn.eta)));
          const wentOn = machine.all
            .filter((verdict) => verdict.kind === "go-on" && verdict.rung === rung)
            .map(({ job }) => job);
          if (drawn.synchronous) expect([...wentOn].sort()).toEqual([...best].sort());
          else expect(wentOn).toEqual(expect.arrayContaining(best));
        });
      }),
      { numRuns: 300 },
    );
  });
});
