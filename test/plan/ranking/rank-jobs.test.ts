import { describe, expect, it } from "vitest";
import { type JudgedJob, jobDefaults, rankJobs } from "../../../plan/index.ts";

interface Facts {
  readonly learningRate?: number;
  readonly rank?: number;
  readonly batchSize?: number;
  readonly share?: number;
  readonly losses: readonly number[];
  readonly blocks?: readonly (readonly [number, number])[];
  readonly base?: number;
}

function judged(
  name: string,
  { learningRate = 1e-3, rank = 8, batchSize = 4, share = 0.1, ...rest }: Facts,
): JudgedJob {
  const { losses, base } = rest;
  const defaults = jobDefaults();
  const lowest = Math.min(...losses.filter(Number.isFinite));
  const step = losses.indexOf(lowest);
  const blocks = rest.blocks ?? [
    [lowest * 10, 10],
    [lowest * 10, 10],
  ];
  return {
    job: {
      ...{ ...defaults, name, batchSize, steps: losses.length, data: { path: "rows.jsonl", format: "tokens" } },
      adapter: { ...defaults.adapter, rank },
      optimizer: { ...defaults.optimizer, learningRate },
      evaluation: { share, everySteps: 1, keepBest: true },
      dataDigest: "same",
    },
    evaluations: losses.map((loss, at) => ({ step: at, loss })),
    best: { step, loss: lowest, blocks },
    spent: { deviceSeconds: losses.length },
    base:
      base === undefined
        ? undefined
        : {
            loss: base,
            blocks: [
              [base * 10, 10],
              [base * 10, 10],
            ],
          },
  };
}

describe("jobs that are evaluated on the same rows", () => {
  it("are ranked by their lowest losses, with the settings in which they differ", () => {
    const [ranking, ...others] = rankJobs([
      judged("slow", { learningRate: 1e-5, losses: [3, 2.9] }),
      judged("right", { learningRate: 1e-3, losses: [2.5, 2, 2.2], base: 3 }),
      judged("wild", { learningRate: 1, losses: [2.8, Number.NaN] }),
    ]);
    expect(others).toEqual([]);
    expect(ranking!.jobs.map(({ name }) => name)).toEqual(["right", "wild", "slow"]);
    expect(ranking!.jobs[0]).toMatchObject({
      loss: 2,
      step: 1,
      lastStep: 3,
      behind: null,
      spent: { deviceSeconds: 3 },
    });
    expect(ranking!.jobs[0]!.settings).toEqual({ "optimizer.learningRate": 1e-3, steps: 3 });
    expect(ranking!.base!.loss).toBe(3);
    expect(ranking!.base!.gain!.value).toBeCloseTo(1, 12);
    expect(ranking!.scoredTokens).toBe(20);
  });

  it("are compared row by row, so that hard rows do not hide a difference", () => {
    const noise = [5, 1, 9, 3, 7];
    const blocks = (more: number) => noise.map((loss) => [10 * (loss + more), 10] as const);
    const [ranking] = rankJobs([
      judged("a", { losses: [5], blocks: blocks(0) }),
      judged("b", { losses: [5.1], blocks: blocks(0.1), rank: 4 }),
    ]);
    const { behind } = ranking!.jobs[1]!;
    expect(behind!.value).toBeCloseTo(0.1, 12);
    expect(behind!.low).toBeGreaterThan(0.0999);
    expect(behind!.high).toBeLessThan(0.1001);
  });

  it("have no difference where their rows are not the same tokens, or there is one block alone", () => {
    const other = [
      [20, 11],
      [20, 9],
    ] as const;
    const [ranking] = rankJobs([judged("a", { losses: [1] }), judged("b", { losses: [2], blocks: other, rank: 4 })]);
    expect(ranking!.jobs[1]!.behind).toBeNull();
    const one = [[10, 10]] as const;
    const [single] = rankJobs([
      judged("a", { losses: [1], blocks: one }),
      judged("b", { losses: [2], blocks: one, rank: 4 }),
    ]);
    expect(single!.jobs[1]!.behind).toBeNull();
  });

  it("are no others' rows: another share is another ranking, and a job alone is in none", () => {
    const rankings = rankJobs([
      judged("a", { losses: [1] }),
      judged("b", { losses: [2], rank: 4 }),
      judged("c", { losses: [3], share: 0.2 }),
    ]);
    expect(rankings).toHaveLength(1);
    expect(rankings[0]!.jobs.map(({ name }) => name)).toEqual(["a", "b"]);
  });

  it("tell which setting explains their order, where all had seen as many rows", () => {
    const jobs = [1e-4, 1e-3, 1e-2].flatMap((learningRate, i) =>
      [4, 8, 16].map((rank) =>
        // Whoever trained longer had lost more by the time at which the others stopped.
        judged(`${learningRate} ${rank}`, { learningRate, rank, losses: i === 2 ? [9, 0.1] : [5 - i] }),
      ),
    );
    const [ranking] = rankJobs(jobs);
    expect(ranking!.comparedRows).toBe(4);
    expect(ranking!.keys[0]!.key).toMatch(/learningRate|steps/);
    const shares = new Map(ranking!.keys.map(({ key, share }) => [key, share]));
    expect(shares.get("optimizer.learningRate")).toBeGreaterThan(0.9);
    expect(shares.get("adapter.rank")).toBe(0);
  });
});
