import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { SCHEDULES } from "../../plan/index.ts";
import { COMPARISON_SCHEDULES } from "../../studies/index.ts";
import type { RunMetrics } from "../../traces/index.ts";
import { printed, temporaryFolder } from "../cli/run-cli.ts";

const TEXT = readFileSync(path.resolve(import.meta.dirname, "../../docs/internals/simulator.md"), "utf8");

/** Options of `simulate` by strategy, from the table; what is optional is left out. */
const ROWS = TEXT.slice(TEXT.indexOf("### Every strategy and its switch"), TEXT.indexOf("- `--no-overlap`: a message"))
  .split("\n")
  .filter((line) => line.startsWith("| ") && line.includes("`--"))
  .map((line) => {
    const [, name, cell] = line.split("|").map((part) => part.trim());
    const options = /`([^`]*)`/
      .exec(cell!)![1]!
      .replace(/\[[^\]]*\]/g, "")
      .trim();
    return { name: name!, options: options.split(/\s+/) };
  });

const folder = temporaryFolder();

beforeAll(() => {
  const devices = ["a", "b"].map((name) => `{ name: ${name}, type: "RTX A6000" }`).join(", ");
  const files = {
    "w.yaml": `kind: workload
version: 1
model: { architecture: tinyllama-1.1b, dtype: bfloat16 }
defaults: { batchSize: 4, microBatchSize: 1, steps: 2, data: { lengths: 128, samples: 8 } }
jobs: [{ name: one }, { name: two }, { name: three }]
`,
    "c.yaml": `kind: cluster\nversion: 1\nmachines:\n  - { name: box, devices: [${devices}], link: { type: pcie4x16 } }\n`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
});

describe("the table of strategies", () => {
  test("has every schedule and every switch", () => {
    const named = new Set(ROWS.flatMap(({ options }) => options));
    for (const schedule of [...SCHEDULES, ...COMPARISON_SCHEDULES]) expect(named).toContain(schedule);
    for (const option of ["--no-fuse", "--no-pruning", "--no-overlap"]) expect(named).toContain(option);
  });

  test.each(ROWS)("has a command that works: $name", async ({ options }) => {
    const args = ["simulate", "w.yaml", "--cluster", "c.yaml", "--no-intervals", ...options, "--json"];
    const metrics = JSON.parse(await printed(args, folder)) as RunMetrics;
    expect(metrics.tokens).toBe(3 * 2 * 4 * 128);
    expect(metrics.makespanSeconds).toBeGreaterThan(0);
    expect(metrics.jobs.map(({ steps }) => steps)).toEqual([2, 2, 2]);
  });
});
