import { describe, expect, test } from "vitest";
import type { ExecuteResult } from "../../exec/index.ts";
import { HAS_SHARED } from "../shared-folder.ts";
import { type CaseRun, planCase, readOracleCase, relativeDistance, runCase } from "./oracle-case.ts";
import { adapterBytes, runSmall, type SmallJob, type SmallResult, type SmallRun, smallCase } from "./small-run.ts";

/** Losses of each job by step. */
function losses(result: ExecuteResult): ReadonlyMap<string, readonly number[]> {
  const table = new Map<string, number[]>();
  for (const { job, loss } of result.metrics) table.set(job, [...(table.get(job) ?? []), loss]);
  return table;
}

function largestLossError(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return Math.max(...a.map((loss, step) => Math.abs(loss / b[step]! - 1)));
}

/**
 * Partition, fusing and neighbours change only how many rows a matrix product has and in which micro-batch they are:
 * sums of the same numbers in another order. Each is within a few units of 2^-24 = 6e-8; AdamW's first steps divide by
 * the root of the gradient's square, which passes a gradient's relative error on, so eight steps stay within some tens
 * of units.
 */
const ROUNDING = 1e-5;

describe.skipIf(!HAS_SHARED)("one adapter, however it is trained", () => {
  test("is the same to fp32 rounding on one device, two devices, fused, unfused and alone", {
    tags: ["slow"],
  }, async () => {
    const oracle = readOracleCase();
    const alone: CaseRun = { devices: "cpu:0", groups: "unfused" };
    const runs: readonly CaseRun[] = [
      { devices: "cpu:0", groups: 1 },
      { devices: "cpu:0", groups: "unfused" },
      { devices: "cpu:0,cpu:1", groups: 1 },
      { devices: "cpu:0,cpu:1", groups: "unfused" },
    ];
    const results: ExecuteResult[] = [];
    for (const run of runs) results.push(await runCase(oracle, planCase(oracle, run)));
    for (const [index, job] of oracle.jobs.entries()) {
      const base = await runCase(oracle, planCase(oracle, alone, index));
      for (const result of results) {
        expect(relativeDistance(result.adapters[index]!, base.adapters[0]!)).toBeLessThan(ROUNDING);
        expect(largestLossError(losses(result).get(job.name)!, losses(base).get(job.name)!)).toBeLessThan(ROUNDING);
      }
    }
  });

  test("is the same to fp32 rounding for every micro-batch size", { tags: ["slow"] }, async () => {
    const base = await runCase(readOracleCase(), planCase(readOracleCase(), { devices: "cpu:0", groups: 1 }));
    for (const microBatchSize of [1, 4]) {
      const oracle = readOracleCase({ microBatchSize });
      const result = await runCase(oracle, planCase(oracle, { devices: "cpu:0,cpu:1", groups: 1 }));
      result.adapters.forEach((adapter, i) => {
        expect(relativeDistance(adapter, base.adapters[i]!)).toBeLessThan(ROUNDING);
      });
    }
  });
});

describe("dropout", () => {
  const given = smallCase([
    { rank: 4, dropout: 0.3, targets: ["q_proj", "o_proj", "up_proj", "down_proj"], microBatchSize: 2 },
    { rank: 6, dropout: 0.1, microBatchSize: 1 },
    { rank: 2, targets: ["k_proj", "gate_proj"], microBatchSize: 4 },
  ]);

  test("depends on the job's seed, step and rows alone: not on partition, fusing or neighbours", async () => {
    const runs: readonly SmallRun[] = [
      { devices: "cpu:0", groups: 1 },
      { devices: "cpu:0,cpu:1", groups: 1 },
      { devices: "cpu:0,cpu:1", groups: "unfused" },
      { devices: "cpu:0,cpu:1", groups: "unfused", schedule: "gpipe" },
    ];
    for (const [index, job] of given.jobs.entries()) {
      const alone = await runSmall(given, { devices: "cpu:0", only: index });
      for (const run of runs) {
        const result = await runSmall(given, run);
        expect(relativeDistance(result.adapters[index]!, alone.adapters[0]!)).toBeLessThan(ROUNDING);
        expect(largestLossError(losses(result).get(job.name)!, losses(alone).get(job.name)!)).toBeLessThan(ROUNDING);
      }
    }
  });

  test("does not depend on the micro-batch size", async () => {
    const spec = { dropout: 0.25, targets: ["q_proj", "v_proj", "down_proj"] } as const;
    const results = await Promise.all(
      [1, 2, 4].map((microBatchSize) =>
        runSmall(smallCase([{ ...spec, targets: [...spec.targets], microBatchSize }]), { devices: "cpu:0" }),
      ),
    );
    for (const result of results)
      expect(relativeDistance(result.adapters[0]!, results[0]!.adapters[0]!)).toBeLessThan(ROUNDING);
  });

  test("changes the losses, and another seed gives other masks", async () => {
    const loss = async (dropout: number, seed: number): Promise<number> => {
      const one = smallCase([{ dropout, seed, steps: 1, rank: 8 }]);
      const fixed = { ...one, start: smallCase([{ rank: 8 }]).start };
      return (await runSmall(fixed, { devices: "cpu:0" })).metrics[0]!.loss;
    };
    const [none, first, second, again] = [await loss(0, 1), await loss(0.5, 1), await loss(0.5, 2), await loss(0.5, 1)];
    expect(new Set([none, first, second]).size).toBe(3);
    expect(again).toBe(first);
  });
});

describe("gradient clipping", () => {
  test("uses the norm over all stages: two devices clip as one does", async () => {
    const targets: SmallJob["targets"] = ["q_proj", "v_proj", "down_proj"];
    const free = await runSmall(smallCase([{ targets }, {}]), { devices: "cpu:0" });
    const bound = Math.min(...free.metrics.map(({ gradNorm }) => gradNorm)) / 4;
    // A large eps, for which AdamW's step is as long as the gradient is.
    const given = smallCase([
      { targets, optimizer: { maxGradNorm: bound, eps: 1 } },
      { optimizer: { maxGradNorm: 1e9 } },
    ]);
    const unclipped = await runSmall(smallCase([{ targets, optimizer: { eps: 1 } }, {}]), { devices: "cpu:0" });
    const one = await runSmall(given, { devices: "cpu:0" });
    const two = await runSmall(given, { devices: "cpu:0,cpu:1" });
    const moved = (result: SmallResult): number => relativeDistance(result.adapters[0]!, given.start[0]!);
    expect(moved(one)).toBeLessThan(moved(unclipped) / 3);
    two.adapters.forEach((adapter, i) => {
      expect(relativeDistance(adapter, one.adapters[i]!)).toBeLessThan(ROUNDING);
    });
    for (const row of one.metrics) {
      const other = two.metrics.find(({ job, step }) => job === row.job && step === row.step)!;
      expect(Math.abs(other.gradNorm / row.gradNorm - 1)).toBeLessThan(ROUNDING);
    }
  });

  test("with a bound that is never reached changes no byte", async () => {
    const spec = { rank: 4, targets: ["q_proj" as const] };
    const free = await runSmall(smallCase([spec]), { devices: "cpu:0" });
    const bound = await runSmall(smallCase([{ ...spec, optimizer: { maxGradNorm: 1e9 } }]), { devices: "cpu:0" });
    expect(adapterBytes(bound.adapters[0]!)).toBe(adapterBytes(free.adapters[0]!));
  });
});
