import { describe, expect, it } from "vitest";
import type { AdapterPair } from "../../exec/index.ts";
import type { Segment } from "../../plan/index.ts";
import { aloneAdapter, runFleet } from "./live-script.ts";
import { type SmallCase, smallCase } from "./small-run.ts";

/** Rows of very different lengths, one a micro-batch: half of each is empty. */
function unevenCase(): SmallCase {
  const uneven = { batchSize: 4, microBatchSize: 1, length: 4, spread: 20 };
  return smallCase([
    { ...uneven, rank: 4, dropout: 0.2, steps: 12, optimizer: { maxGradNorm: 0.5 } },
    { ...uneven, rank: 9, targets: ["q_proj", "v_proj", "down_proj"], steps: 90 },
    { ...uneven, rank: 2, dropout: 0.1, steps: 9, evaluation: { everySteps: 3, count: 2 } },
    { ...uneven, rank: 3, steps: 7 },
  ]);
}

/** How far an adapter is from another one, beside what it is itself. */
function distance(own: readonly AdapterPair[], other: readonly AdapterPair[]): number {
  let [apart, size] = [0, 0];
  own.forEach(({ a, b }, at) => {
    for (const [values, others] of [
      [a, other[at]!.a],
      [b, other[at]!.b],
    ] as const)
      values.forEach((value, i) => {
        apart += (value - others[i]!) ** 2;
        size += value ** 2;
      });
  });
  return Math.sqrt(apart / size);
}

function mostJobs(segments: readonly Segment[]): number {
  return Math.max(
    ...segments.flatMap(({ microBatches }) => microBatches.map(({ rows }) => new Set(rows.map(([job]) => job)).size)),
  );
}

describe.each([
  { devices: "cpu:0", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 1 },
  { devices: "cpu:0,cpu:1", pipelines: 2 },
])("jobs that share micro-batches on $pipelines pipelines of $devices", ({ devices, pipelines }) => {
  // Where other programs take a core from one of two pipelines, a job may have ended before it is asked to pause.
  it("come, go and pause, and train what each trains alone but for the order of sums", {
    tags: ["slow"],
    retry: 2,
  }, async () => {
    const given = unevenCase();
    const { ended, decisions, segments } = await runFleet(given, {
      ...{ devices, pipelines, policy: "packed", most: 3, first: [0, 1] },
      at: {
        3: ({ submit }) => submit(2),
        5: ({ execution }) => expect(execution.ask({ kind: "pause", number: 1 })).toBe(true),
        12: ({ submit }) => submit(3),
        18: ({ execution }) => execution.ask({ kind: "unpause", number: 1 }),
      },
    });
    expect(decisions).toContain("preempt second");
    expect(decisions).toContain("resume second");
    expect(mostJobs(segments)).toBeGreaterThan(1);
    for (const index of [0, 1, 2, 3]) {
      // With other dropout, or a row that is missing or there twice, it is over 1e-2.
      expect(distance(ended.get(index)!, await aloneAdapter(given, index))).toBeLessThan(1e-6);
    }
  });
});
