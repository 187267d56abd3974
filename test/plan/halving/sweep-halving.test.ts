import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRng } from "../../../core/index.ts";
import { halvingPlan, type PastSweeps, SweepHalving, type SweepVerdict, type SweptJob } from "../../../plan/index.ts";

const ITERATIONS = 70;
const RULES = { firstRows: 16, eta: 2, keep: 1, over: 1, synchronous: true };

/** Of different jobs never the same. */
function lossOf(job: number, iteration: number, seed: number): number {
  return createRng(`${seed}/${job}/${iteration}`).nextFloat() + job * 1e-6;
}

const sweeps = fc.record({
  numJobs: fc.integer({ min: 2, max: 9 }),
  everySteps: fc.constantFrom(undefined, 1, 3, 4),
  seed: fc.nat(1e6),
});

/** Who is left behind the rungs where all are compared after the same rows. */
function survivors(rungs: readonly (readonly number[])[], seed: number): readonly number[] {
  let there = rungs.map((_, job) => job);
  rungs[0]!.forEach((_, rung) => {
    const loss = (job: number): number => lossOf(job, rungs[job]![rung]!, seed);
    const keep = Math.max(1, Math.floor(there.length / RULES.eta));
    there = [...there].sort((a, b) => loss(a) - loss(b)).slice(0, keep);
  });
  return there;
}

describe("sweeps that are halved", () => {
  it("compare jobs after the same rows, however far these train on while they are told to pause", () => {
    fc.assert(
      fc.property(sweeps, fc.integer({ min: 0, max: 60 }), ({ numJobs, everySteps, seed }, most) => {
        const swept = Array.from({ length: numJobs }, (): SweptJob => {
          return { iterations: ITERATIONS, batchSize: 4, ...(everySteps === undefined ? {} : { everySteps }) };
        });
        const plan = halvingPlan(swept, RULES);
        const names = swept.map((_, job) => `job${job}`);
        const by = everySteps === undefined ? "training" : "evaluation";
        const halving = new SweepHalving([{ name: "sweep", jobs: names, plan, by }]);
        const rng = createRng(`${seed}`);
        const done = names.map(() => 0);
        const ahead = new Map<number, number>();
        const stopped = new Set<number>();
        const open = (): readonly number[] =>
          names
            .map((_, job) => job)
            .filter((job) => !stopped.has(job) && done[job]! < ITERATIONS - 1 && ahead.get(job) !== 0);
        for (let jobs = open(); jobs.length > 0; jobs = open()) {
          const job = jobs[rng.nextInt(jobs.length)]!;
          done[job]! += 1;
          if (ahead.has(job)) ahead.set(job, ahead.get(job)! - 1);
          const isTold = everySteps === undefined || done[job]! % everySteps === 0;
          if (!isTold) continue;
          // What it is not compared by is not looked at.
          const other = by === "training" ? "evaluation" : "training";
          expect(halving.lost(names[job]!, other, done[job]!, Number.NaN)).toEqual([]);
          for (const verdict of halving.lost(names[job]!, by, done[job]!, lossOf(job, done[job]!, seed))) {
            const number = names.indexOf(verdict.job);
            expect(verdict.sweep).toBe("sweep");
            if (verdict.kind === "pause") ahead.set(number, rng.nextInt(most + 1));
            else ahead.delete(number);
            if (verdict.kind === "stop") stopped.add(number);
          }
        }
        expect(names.map((_, job) => job).filter((job) => !stopped.has(job))).toEqual(
          [...survivors(plan.rungs, seed)].sort((a, b) => a - b),
        );
      }),
      { numRuns: 200 },
    );
  });

  it("are halved to the same jobs where their fleet is cut off at any moments, and makes steps again", () => {
    fc.assert(
      fc.property(sweeps, fc.integer({ min: 0, max: 20 }), ({ numJobs, everySteps = 1, seed }, most) => {
        const swept = Array.from({ length: numJobs }, (): SweptJob => {
          return { iterations: ITERATIONS, batchSize: 4, everySteps };
        });
        const plan = halvingPlan(swept, RULES);
        const names = swept.map((_, job) => `job${job}`);
        const sweep = { name: "sweep", jobs: names, plan, by: "evaluation" } as const;
        let halving = new SweepHalving([sweep]);
        const rng = createRng(`cut ${seed}`);
        const done = names.map(() => 0);
        const ahead = new Map<number, number>();
        const stopped = new Set<number>();
        const verdicts: PastSweeps["verdicts"][number][] = [];
        const cut = (): void => {
          names.forEach((_, job) => {
            if (!stopped.has(job)) done[job] = Math.max(0, done[job]! - rng.nextInt(most + 1));
            if (ahead.has(job)) ahead.set(job, 0);
          });
          const losses = (name: string) => {
            const job = names.indexOf(name);
            const known = Array.from({ length: done[job]! }, (_, at) => at + 1).filter((at) => at % everySteps === 0);
            return known.map((iteration) => ({ iteration, loss: lossOf(job, iteration, seed) }));
          };
          halving = new SweepHalving([sweep], { verdicts, losses });
          take(halving.missed());
        };
        /** As a fleet does that may be cut off before all of them are written down. */
        const take = (given: readonly SweepVerdict[]): void => {
          for (const verdict of given) {
            if (rng.nextInt(12) === 0) {
              cut();
              return;
            }
            const number = names.indexOf(verdict.job);
            verdicts.push(verdict);
            if (verdict.kind === "pause") ahead.set(number, rng.nextInt(most + 1));
            else ahead.delete(number);
            if (verdict.kind === "stop") stopped.add(number);
          }
        };
        const open = (): readonly number[] =>
          names
            .map((_, job) => job)
            .filter((job) => !stopped.has(job) && done[job]! < ITERATIONS - 1 && ahead.get(job) !== 0);
        for (let jobs = open(); jobs.length > 0; jobs = open()) {
          if (rng.nextInt(40) === 0) {
            cut();
            continue;
          }
          const job = jobs[rng.nextInt(jobs.length)]!;
          done[job]! += 1;
          if (ahead.has(job)) ahead.set(job, ahead.get(job)! - 1);
          if (done[job]! % everySteps !== 0) continue;
          take(halving.lost(names[job]!, "evaluation", done[job]!, lossOf(job, done[job]!, seed)));
        }
        expect(names.map((_, job) => job).filter((job) => !stopped.has(job))).toEqual(
          [...survivors(plan.rungs, seed)].sort((a, b) => a - b),
        );
      }),
      { numRuns: 200, endOnFailure: true },
    );
  });

  it("are compared at iterations after which all are evaluated", () => {
    const rungs = halvingPlan(
      [
        { iterations: 100, batchSize: 4, everySteps: 5 },
        { iterations: 100, batchSize: 2, everySteps: 5 },
      ],
      { firstRows: 30, eta: 2, keep: 1, over: 10, synchronous: false },
    );
    expect(rungs).toEqual({
      rungs: [
        [10, 15, 30],
        [15, 30, 60],
      ],
      ...{ eta: 2, keep: 1, over: 1, synchronous: false },
    });
  });

  it("wait for nobody who never comes", () => {
    const plan = halvingPlan(
      [1, 2].map(() => ({ iterations: 20, batchSize: 4 })),
      RULES,
    );
    const halving = new SweepHalving([{ name: "s", jobs: ["a", "b"], plan, by: "training" }]);
    for (const iteration of [1, 2, 3]) expect(halving.lost("a", "training", iteration, 1)).toEqual([]);
    expect(halving.lost("a", "training", 4, 1).map(({ kind }) => kind)).toEqual(["pause"]);
    expect(halving.lost("foreign", "training", 4, 1)).toEqual([]);
    expect(halving.gone("b")).toMatchObject([{ job: "a", kind: "go-on", wasPaused: true }]);
  });
});
