import { describe, expect, it } from "vitest";
import { InputError, PlanError } from "../../core/index.ts";
import { halvingPlan, parseWorkload, placeError, readText, withSweeps } from "../../plan/index.ts";

const workload = (...jobs: readonly string[]): string => `kind: workload
version: 1
model: { architecture: llama-2-7b }
defaults:
  steps: 100
  batchSize: 8
  optimizer: { weightDecay: 0.1 }
  data: { lengths: 64 }
jobs:
${jobs.map((job) => `  - ${job.replaceAll("\n", "\n    ")}`).join("\n")}
`;

const jobsOf = (...jobs: readonly string[]) => parseWorkload(workload(...jobs), "w.yaml").jobs;

function refusal(...jobs: readonly string[]): string {
  try {
    jobsOf(...jobs);
  } catch (error) {
    if (error instanceof InputError) return error.message.split("\n")[0]!;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("a sweep over a grid", () => {
  const grid = `name: tune
adapter: { rank: 4, alpha: 2 }
sweep:
  grid:
    optimizer: { learningRate: [1.0e-3, 1.0e-5] }
    adapter: { rank: [8, 16] }
    seed: [0]`;

  it("makes a job of each combination, named by its point, where the job stands", () => {
    const jobs = jobsOf("name: before", grid, "name: after");
    expect(jobs.map(({ name }) => name)).toEqual([
      "before",
      "tune-rank8-lr0.001-seed0",
      "tune-rank8-lr0.00001-seed0",
      "tune-rank16-lr0.001-seed0",
      "tune-rank16-lr0.00001-seed0",
      "after",
    ]);
    expect(jobs[4]).toMatchObject({
      adapter: { rank: 16, alpha: 2, dropout: 0 },
      optimizer: { learningRate: 1e-5, weightDecay: 0.1 },
      seed: 0,
      batchSize: 8,
      steps: 100,
    });
    expect(Object.keys(jobs[4]!)).not.toContain("sweep");
    expect(jobsOf("name: one")).toEqual([expect.objectContaining({ name: "one" })]);
  });

  it("says which jobs are points of it, and asks for halving in rows", () => {
    const halved = `${grid.replace("seed: [0]", "batchSize: [8, 16]")}\n  halving: { firstRows: 80 }`;
    const { sweeps, jobs } = parseWorkload(workload("name: before", halved), "w.yaml");
    expect(sweeps).toMatchObject([
      { name: "tune", written: 1, first: 1, halving: { firstRows: 80, eta: 3, over: 10 } },
    ]);
    expect(sweeps[0]!.points.length).toBe(8);
    const swept = jobs.slice(1, 9).map(({ batchSize, steps }) => ({ batchSize, iterations: steps! }));
    const { rungs } = halvingPlan(swept, sweeps[0]!.halving!);
    expect(rungs.slice(0, 2)).toEqual([
      [10, 30, 90],
      [5, 15, 45],
    ]);
  });
});

describe("a random sweep", () => {
  const random = (count: number, over: string, seed = 1): string =>
    `name: search\nsweep: { random: { count: ${count}, seed: ${seed}, over: { ${over} } } }`;
  const rates = "optimizer: { learningRate: { min: 1.0e-5, max: 1.0e-2, scale: log } }";

  it("draws the same different points each time, within their ranges and as evenly as their scale says", () => {
    const over = `adapter: { rank: { min: 4, max: 64 }, alpha: [8, 16] }, ${rates}`;
    const jobs = jobsOf(random(300, over));
    expect(jobs).toEqual(jobsOf(random(300, over)));
    expect(jobs).not.toEqual(jobsOf(random(300, over, 2)));
    expect(new Set(jobs.map(({ name }) => name)).size).toBe(300);
    for (const { name, adapter, optimizer } of jobs) {
      expect(name).toBe(`search-rank${adapter.rank}-alpha${adapter.alpha}-lr${optimizer.learningRate}`);
      expect(Number.isInteger(adapter.rank)).toBe(true);
      expect(adapter.rank).toBeGreaterThanOrEqual(4);
      expect(adapter.rank).toBeLessThanOrEqual(64);
      expect([8, 16]).toContain(adapter.alpha);
      expect(optimizer.learningRate).toBeGreaterThanOrEqual(1e-5);
      expect(optimizer.learningRate).toBeLessThanOrEqual(1e-2);
    }
    // A third of a logarithmic range of three decades is each of them.
    const inMiddle = jobs.filter(({ optimizer }) => optimizer.learningRate >= 1e-4 && optimizer.learningRate < 1e-3);
    expect(inMiddle.length).toBeGreaterThan(75);
    expect(inMiddle.length).toBeLessThan(125);
  });

  it("is refused where there are not so many points", () => {
    expect(refusal(random(5, "adapter: { rank: [4, 8] }"))).toBe(
      "w.yaml:11:24: Expected at most as many points as differ, 2 of them at jobs[0].sweep.random.count, got 5.",
    );
  });
});

describe("what is wrong with a sweep has its line", () => {
  it.each([
    [["name: a\nsweep: { }"], /^w\.yaml:11:5: Expected one of grid, random and model.* at jobs\[0\]\.sweep/],
    [
      ["name: a\nsweep: { grid: { rank: [1], seed: [1] } }"],
      /w\.yaml:11:22: Expected only known keys at jobs\[0\]\.sweep\.grid\.rank/,
    ],
    [
      ["name: a\nsweep: { grid: { seed: [1, 1] } }"],
      /^w\.yaml:11:22: Expected values without repetition at .*grid\.seed/,
    ],
    [["name: a\nsweep: { grid: { adapter: { } } }"], /^w\.yaml:11:14: Expected at least one key of a job to vary/],
    [
      ["name: a\nsweep: { random: { count: 2, over: { seed: { min: 3, max: 3 } } } }"],
      /Expected less than max at jobs\[0\]\.sweep\.random\.over\.seed\.min, got 3/,
    ],
    [
      [
        `name: a\nsweep: { grid: { seed: [${Array.from({ length: 40 }, (_, i) => i)}], batchSize: [${Array.from({ length: 30 }, (_, i) => i + 1)}] } }`,
      ],
      /^w\.yaml:11:14: Expected a grid of at most 1000 points at jobs\[0\]\.sweep\.grid, got "1200 points"/,
    ],
    [
      ["name: a", "name: b\nmicroBatchSize: 4\nsweep: { grid: { batchSize: [8, 6] } }"],
      /^w\.yaml:12:5: Expected a divisor of batchSize \(6\) at jobs\[1\]\.microBatchSize, got 4/,
    ],
    [
      ["name: a-seed1", "name: a\nsweep: { grid: { seed: [0, 1] } }"],
      /^w\.yaml:11:5: Expected a job name that is not that of jobs\[0\] at jobs\[1\]\.name, got "a-seed1"/,
    ],
  ] as const)("%j", (jobs, says) => {
    expect(refusal(...jobs)).toMatch(says);
  });

  it("also where a job that was made of it cannot be planned", () => {
    const text = workload("name: a", "name: b\nsweep: { grid: { batchSize: [8, 16] } }", "name: c");
    const source = withSweeps(readText(text, "w.yaml"), parseWorkload(text, "w.yaml"));
    const placed = (at: string) => (placeError(new PlanError({ expected: "less", at }), source) as PlanError).facts;
    expect(placed("jobs[2].batchSize")).toMatchObject({ at: "jobs[1].sweep.grid.batchSize", line: 12 });
    expect(placed("jobs[3].name")).toMatchObject({ at: "jobs[2].name", line: 13 });
    expect(placed("jobs[2].data.lengths")).toMatchObject({ at: "defaults.data.lengths", line: 8 });
    expect(placed("jobs[0].name")).toMatchObject({ at: "jobs[0].name", line: 10 });
  });
});
