import { describe, expect, it } from "vitest";
import { settingOf } from "../../../plan/index.ts";
import { type TracedJob, traceMembers, worksOfPlan } from "../../../sim/index.ts";
import { planSmall, type SmallJob, smallCase } from "../../exec/small-run.ts";

const SMALL: SmallJob = { rank: 2, steps: 4, batchSize: 2, microBatchSize: 1, length: 8, spread: 4 } as SmallJob;
const plan = planSmall(smallCase([SMALL, { ...SMALL, rank: 4 }]), { devices: "unit*2", groups: "unfused" });
const setting = settingOf(plan);
const kinds = worksOfPlan(plan);
/** Of an iteration, alone on the two devices of the pipeline. */
const ITERATION_NS = [2e9, 5e9];

const traced = (number: number, ended: TracedJob["ended"] = "completed"): TracedJob => ({
  id: `j${number}`,
  user: "u",
  submitSeconds: 1000 + 10 * number,
  gpuSeconds: 4000,
  ended,
});
const many = Array.from({ length: 200 }, (_, number) => traced(number));

function members(jobs: readonly TracedJob[], amount: { readonly scale: number } | { readonly load: number }) {
  return traceMembers({ jobs, setting, kinds, deadlinesNs: [null, 7], iterationNs: ITERATION_NS, amount });
}

describe("jobs of a trace as LoRA jobs", () => {
  it("are of kinds that their ids draw, and take their GPU time, scaled", () => {
    const { members: all } = members(many, { scale: 0.5 });
    const byRank = all.map(({ work }) => work.job.adapter.rank);
    // A job has the kind that it has, whoever else is there.
    expect(members(many.slice(50), { scale: 0.5 }).members.map(({ work }) => work.job.adapter.rank)).toEqual(
      byRank.slice(50),
    );
    expect(byRank.filter((rank) => rank === 2).length).toBeGreaterThan(70);
    expect(byRank.filter((rank) => rank === 4).length).toBeGreaterThan(70);
    // 2000 GPU seconds on two devices: 1000 seconds of iterations of two or five.
    expect(all.map(({ work }) => work.job.steps)).toEqual(byRank.map((rank) => (rank === 2 ? 500 : 200)));
    expect(all.every(({ stops }) => stops === undefined)).toBe(true);
    expect(all.map(({ work }) => work.job.name)).toEqual(many.map(({ id }) => id));
  });

  it("come when they were submitted, with the deadlines of their kinds from then", () => {
    const { members: all } = members(many, { scale: 1 });
    expect(all.slice(0, 3).map(({ arrival }) => arrival.arrivalNs)).toEqual([0, 10e9, 20e9]);
    for (const { arrival, work } of all)
      expect(arrival.deadlineNs).toBe(work.job.adapter.rank === 2 ? null : arrival.arrivalNs + 7);
  });

  it("are scaled to what they are to take of the fleet's time while they come", () => {
    const { scale, load } = members(many, { load: 0.8 });
    // 800 000 GPU seconds in 1990 seconds of two devices.
    expect(scale).toBeCloseTo((0.8 * 2 * 1990) / 800_000, 12);
    expect(load).toBeCloseTo(0.8, 12);
    expect(members(many, { scale: 2 }).load).toBeCloseTo((2 * 800_000) / 2 / 1990, 9);
    const same = many.map((job) => ({ ...job, submitSeconds: 0 }));
    expect(members(same, { scale: 1 }).load).toBeUndefined();
    expect(() => members(same, { load: 1 })).toThrow(/come at different times/);
  });

  it("end after a share of what they ask for where they failed or were stopped, and train the same", () => {
    const failed = many.map((_, number) => traced(number, number % 2 === 0 ? "failed" : "stopped"));
    const { members: all } = members(failed, { scale: 0.5 });
    const shares = all.map(({ stops, work }) => stops! / work.job.steps);
    expect(all.map(({ stops }) => stops)).toEqual(
      members(many, { scale: 0.5 }).members.map(({ work }) => work.job.steps),
    );
    expect(Math.min(...shares)).toBeGreaterThan(0.09);
    expect(Math.max(...shares)).toBeLessThanOrEqual(0.91);
    expect(Math.max(...shares) - Math.min(...shares)).toBeGreaterThan(0.7);
  });

  it("train one iteration at least", () => {
    expect(members(many, { scale: 1e-9 }).members.every(({ work }) => work.job.steps === 1)).toBe(true);
  });
});
