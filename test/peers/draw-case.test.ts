import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { FAMILIES } from "../../peers/cases.ts";
import { drawCases, writeCase } from "../../peers/draw-case.ts";
import { huggingFaceConfigSchema } from "../../plan/documents/model-config.ts";
import { architectureFromConfig, parseWorkload } from "../../plan/index.ts";

const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7];

it("draws every family in both dtypes, the same from the same seed and others from another", () => {
  const cases = drawCases(7);
  expect(cases.map(({ name }) => name)).toEqual(
    Object.keys(FAMILIES).flatMap((family) => [`${family}, float32`, `${family}, bfloat16`]),
  );
  expect(drawCases(7)).toEqual(cases);
  for (const [index, other] of drawCases(8).entries()) expect(other.rows).not.toEqual(cases[index]!.rows);
});

it.each(SEEDS)("draws models that loratwin reads, and rows that they take (seed %i)", (seed) => {
  for (const { config, rows } of drawCases(seed)) {
    const architecture = architectureFromConfig(huggingFaceConfigSchema.parse(JSON.parse(JSON.stringify(config))));
    for (const { input_ids, labels } of Object.values(rows).flat()) {
      expect(labels.length).toBe(input_ids.length);
      expect(input_ids.length).toBeLessThanOrEqual(architecture.maxPositions);
      expect(Math.max(...input_ids)).toBeLessThan(architecture.vocabularySize);
    }
  }
});

it.each(SEEDS)("gives every mini-batch something to score (seed %i)", (seed) => {
  for (const { jobs, rows } of drawCases(seed))
    for (const { data, batchSize, steps } of jobs) {
      const own = rows[data.path]!;
      expect(own).toHaveLength(batchSize * steps);
      for (let step = 0; step < steps; step += 1) {
        const batch = own.slice(step * batchSize, (step + 1) * batchSize);
        expect(batch.some(({ labels }) => labels.slice(1).some((label) => label !== -100))).toBe(true);
      }
    }
});

it("writes a workload with the files that it names", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-peers-"));
  try {
    for (const drawn of drawCases(3)) {
      const file = writeCase(drawn, folder);
      const { jobs } = parseWorkload(readFileSync(file, "utf8"), file);
      expect(jobs.map(({ name }) => name)).toEqual(drawn.jobs.map(({ name }) => name));
    }
    expect(readdirSync(folder)).toEqual(
      expect.arrayContaining(["all.jsonl", "all-held-out.jsonl", "second.jsonl", "third-held-out.jsonl"]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
