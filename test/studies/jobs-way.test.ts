import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sum } from "../../core/index.ts";
import type { Projection } from "../../plan/index.ts";
import { COMPARISON_SCHEDULES, fixedInterconnect, type JobsRun, jobsWay, simulateJobs } from "../../studies/index.ts";
import { jobsRefusal } from "../../studies/strategies/simulate-jobs.ts";
import { IDLE_CAUSES } from "../../traces/causes/causes.ts";
import { causeText, compareWays, planWay, type SeenWay } from "../../traces/index.ts";
import { anyPlans, runOf } from "../traces/causes/run-plans.ts";
import { FIGURES, jobsRun, microBatchSize, platform, preset, sharedNetwork, updateSeconds } from "./comparison-jobs.ts";

const tiny = preset("tinyllama-1.1b");

/** Runs of every schedule, on devices, links and rows of all sorts. */
const anyRuns: fc.Arbitrary<JobsRun> = fc
  .record({
    schedule: fc.constantFrom(...COMPARISON_SCHEDULES),
    numDevices: fc.constantFrom(1, 2, 4),
    rate: fc.constantFrom(0, 1e8, 1e10, 1e18),
    overlap: fc.boolean(),
    prefetch: fc.integer({ min: 0, max: 2 }),
    recompute: fc.constantFrom("none" as const, "layer" as const),
    full: fc.boolean(),
    accumulate: fc.boolean(),
    names: fc.constantFrom(["a"], ["a", "b"]),
    clips: fc.boolean(),
    perMachine: fc.constantFrom(1, 2, 4),
    ranks: fc.constantFrom([16, 16], [1, 64]),
    // With one layer there are fewer than devices.
    numLayers: fc.constantFrom(1, 8, 8, 8),
    targets: fc.constantFrom<readonly Projection[]>(["q_proj", "v_proj"], ["down_proj"], ["lm_head"]),
    steps: fc.array(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 8, maxLength: 8 }), {
      minLength: 1,
      maxLength: 3,
    }),
  })
  .map(({ schedule, numDevices, rate, perMachine, ranks, targets, numLayers, ...choice }) => {
    const { overlap, prefetch, recompute, full, accumulate, names, clips, steps } = choice;
    const interconnect =
      rate === 0
        ? sharedNetwork(numDevices)
        : fixedInterconnect({ numDevices, hopSeconds: 1e-5, hopBytesPerSecond: rate, ringBytesPerSecond: rate });
    const run = jobsRun(schedule, steps, {
      platform: platform(numDevices, { figures: { ...FIGURES, headBytes: 50 }, interconnect }, perMachine),
      model: { architecture: { ...tiny, numLayers }, recompute, full },
      options: { overlap, prefetch },
      microBatchSize: accumulate ? 2 : microBatchSize(schedule),
      names,
      job: { clips },
    });
    const adapterOf = (at: number) => ({ rank: ranks[at]!, alpha: 32, dropout: 0, targets: [...targets] });
    return { ...run, jobs: run.jobs.map((job, at) => ({ ...job, adapter: adapterOf(at) })) };
  })
  .filter((run) => jobsRefusal(run) === undefined);

function wayOf(run: JobsRun, numSteps = 0): SeenWay {
  return jobsWay(run, simulateJobs(run), numSteps);
}

const idleNs = ({ causes: { causes } }: SeenWay): number =>
  sum(causes.flatMap(({ cause, ns }) => ((IDLE_CAUSES as readonly string[]).includes(cause) ? [ns] : [])));

/** "all-reduces 0.5": a cause and its part of the run. */
const shares = ({ causes: { causes, makespanNs } }: SeenWay): Readonly<Record<string, number>> =>
  Object.fromEntries(causes.map((part) => [causeText(part), Number((part.ns / makespanNs).toFixed(3))]));

describe("what the time of a way goes to that is simulated only", () => {
  it("is its makespan to the nanosecond, and what devices wait is its idle share", { tags: ["slow"] }, () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyRuns, (run) => {
        const way = wayOf(run);
        const { metrics } = simulateJobs(run);
        const { makespanNs, causes } = way.causes;
        expect(causes.every(({ ns }) => Number.isSafeInteger(ns) && ns > 0)).toBe(true);
        expect(sum(causes.map(({ ns }) => ns))).toBe(makespanNs);
        expect(makespanNs).toBe(Math.round(metrics.makespanSeconds * 1e9));
        expect(idleNs(way) / makespanNs).toBeCloseTo(metrics.bubbleRatioTotal, 7);
        // Each step's first task has begun, and nothing is between two that have no cause.
        expect(causes.map(({ cause }) => cause)).not.toContain("between");
        for (const { cause } of causes) seen.add(cause);
      }),
      { numRuns: 150, seed: 7 },
    );
    expect([...seen].sort()).toEqual(
      [
        ...["all-gather", "all-reduce", "backward", "drain", "fill", "forward", "products", "recomputation"],
        ...["norms", "reduce-scatter", "step before", "transfer", "update", "weight gradients"],
      ].sort(),
    );
  });

  it("has a critical path without a gap, whose causes are all of that time", { tags: ["slow"] }, () => {
    fc.assert(
      fc.property(anyRuns, (run) => {
        const all = run.jobs.length * run.jobs[0]!.steps.length;
        const { path, facts, causes } = wayOf(run, all);
        let atNs = path[0]!.startNs;
        const fromNs = atNs;
        for (const step of path) {
          expect(step.startNs).toBe(atNs);
          expect(step.isWait).toBe(false);
          atNs = step.endNs;
          expect(sum(step.parts.map(({ ns }) => ns))).toBe(step.endNs - step.startNs);
        }
        expect(atNs - fromNs).toBe(causes.makespanNs);
        expect(sum(facts.criticalPath.map(({ ns }) => ns))).toBe(causes.makespanNs);
      }),
      { numRuns: 60, seed: 8 },
    );
  });

  it("differs from any other, planned or not, by causes that add up, and the other way round by the opposite", {
    tags: ["slow"],
  }, () => {
    const anyWays = fc.oneof(
      anyRuns.map((run) => wayOf(run)),
      anyPlans.map((body) => planWay(runOf(body))),
    );
    fc.assert(
      fc.property(
        anyRuns.map((run) => wayOf(run)),
        anyWays,
        (one, other) => {
          const compared = compareWays(one, other);
          expect(compared.makespan.differenceNs).toBe(other.causes.makespanNs - one.causes.makespanNs);
          expect(sum(compared.causes.map(({ differenceNs }) => differenceNs))).toBe(compared.makespan.differenceNs);
          const back = compareWays(other, one);
          expect(back.causes.map(({ cause, tokens, differenceNs }) => [cause, tokens, 0 - differenceNs])).toEqual(
            compared.causes.map(({ cause, tokens, differenceNs }) => [cause, tokens, differenceNs]),
          );
        },
      ),
      { numRuns: 60, seed: 9 },
    );
  });

  const EQUAL = [Array.from({ length: 8 }, () => 512)];

  it("is told of tensor parallelism as products and all-reduces, of which nothing is hidden", () => {
    const run = jobsRun("tp", EQUAL, {
      platform: platform(2, {
        interconnect: fixedInterconnect({
          numDevices: 2,
          hopSeconds: 0,
          hopBytesPerSecond: 1e9,
          ringBytesPerSecond: 1e9,
        }),
      }),
      names: ["a"],
    });
    const { causes, facts } = wayOf(run);
    // 32 layers, two all-reduces in each direction, of 4096 tokens of 4096 numbers of 2 bytes, half of them each way.
    const reduceNs = 32 * 2 * 2 * Math.round(4096 * 4096 * 2);
    expect(causes.causes.map(({ cause }) => cause)).toEqual(["all-reduce", "products", "update"]);
    expect(causes.causes[0]!.ns).toBe(reduceNs);
    // Half of A and B, of rank 16, on q and v of 32 layers.
    const parameters = (32 * 2 * 16 * (4096 + 4096)) / 2;
    expect(causes.causes[2]!.ns).toBe(Math.round(updateSeconds(parameters) * 1e9));
    expect(facts.criticalPath.map(({ cause, device }) => [cause, device])).toEqual([
      ["all-reduce", null],
      ["products", null],
      ["update", "g0"],
    ]);
  });

  it("splits ZB-H1's bubble into what its devices wait for, and gradients of weights apart", () => {
    const run = jobsRun("zb-h1", EQUAL, { model: { full: true, recompute: "layer" }, names: ["a"] });
    const way = shares(wayOf(run));
    expect(Object.keys(way)).toEqual([
      "filling the pipeline",
      "waiting for a backward",
      "draining the pipeline",
      "products of up to 1024 tokens",
      "gradients of base weights",
      "recomputation",
      "updates",
    ]);
    // A product for the gradients of weights takes as long as a forward's, and recomputation has more beside products.
    const ratio = way["gradients of base weights"]! / way["recomputation"]!;
    expect(ratio).toBeGreaterThan(0.8);
    expect(ratio).toBeLessThan(1);
  });

  it("says what FSDP waits for where links are slow, and nothing where they are fast", () => {
    const over = (rate: number): Readonly<Record<string, number>> =>
      shares(
        wayOf(
          jobsRun("fsdp", [...EQUAL, ...EQUAL], {
            platform: platform(4, {
              interconnect: fixedInterconnect({
                numDevices: 4,
                hopSeconds: 0,
                hopBytesPerSecond: rate,
                ringBytesPerSecond: rate,
              }),
            }),
          }),
        ),
      );
    expect(over(1e9)["all-gathers"]).toBeGreaterThan(0.5);
    expect(over(1e18)).toEqual({ "products of up to 1024 tokens": 1, updates: 0 });
  });

  it("has the weight gradients of one backward as those of two halves", () => {
    const shareOf = (schedule: "zb-h1" | "tp"): number => {
      const run = jobsRun(schedule, EQUAL, {
        platform: platform(1),
        model: { full: true },
        microBatchSize: 8,
        names: ["a"],
      });
      return shares(wayOf(run))["gradients of base weights"]!;
    };
    expect(shareOf("zb-h1")).toBeCloseTo(shareOf("tp"), 2);
  });
});
