import { describe, expect, it } from "vitest";
import { completeJob, cutOfLengths, isLengthData, lengthRows, parseWorkload } from "../../plan/index.ts";

function jobOf(keys: string, defaults = "") {
  const text = `kind: workload
version: 1
model: { architecture: tinyllama-1.1b }
defaults: { batchSize: 2, steps: 1${defaults} }
jobs: [{ name: a, ${keys} }]
`;
  const [job] = parseWorkload(text, "w.yaml").jobs;
  return job!;
}

function tokensOf(job: ReturnType<typeof jobOf>): number {
  if (!isLengthData(job.data)) throw new Error("no lengths");
  return Math.max(...Array.from(lengthRows(job, job.data).tokens));
}

describe("lengths that a workload asks for", () => {
  it.each([
    ["one", "data: { lengths: 2048 }", "", 2048],
    ["a list", "data: { lengths: [100, 900, 30] }", "", 900],
    ["up to a longest", "data: { lengths: { distribution: uniform, min: 600, max: 700 } }", "", 700],
    ["of a distribution", "data: { lengths: { distribution: lognormal, mean: 300, sigma: 0.5, max: 1000 } }", "", 1000],
    ["in defaults", "seed: 1", ", data: { lengths: 600 }", 600],
    [
      "of an evaluation",
      "data: { lengths: 20 }, evaluation: { data: { lengths: 800, samples: 3 }, everySteps: 1 }",
      "",
      800,
    ],
    ["below the default", "data: { lengths: 64 }", "", 512],
    ["and a file's are cut", "data: { path: rows.jsonl }", "", 512],
    ["and a file in place of lengths too", "data: { path: rows.jsonl }", ", data: { lengths: 2048 }", 512],
  ])("are not cut by a cutoffLength that nobody wrote: %s", (_, keys, defaults, cutoffLength) => {
    const job = jobOf(keys, defaults);
    expect(job.cutoffLength).toBe(cutoffLength);
    if (isLengthData(job.data)) expect(cutOfLengths(job, job.data)).toBeUndefined();
  });

  it("are cut by one that somebody wrote, in the job, its defaults or a job that it is made from, and counted", () => {
    const lengths = "data: { lengths: [100, 700, 1000], samples: 6 }";
    for (const job of [jobOf(`${lengths}, cutoffLength: 300`), jobOf(lengths, ", cutoffLength: 300")]) {
      expect(tokensOf(job)).toBe(300);
      expect(isLengthData(job.data) && cutOfLengths(job, job.data)).toEqual({
        numRows: 6,
        numCut: 4,
        numTokens: 3600,
        numTokensCut: 2200,
      });
    }
    const made = completeJob({ name: "b", data: { lengths: 4000 } }, jobOf(`${lengths}, cutoffLength: 300`));
    expect(made).toMatchObject({ cutoffLength: 300 });
  });
});
