import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { createRng } from "../../core/index.ts";
import { drawModel, FAMILIES } from "../../peers/cases.ts";
import { drawCases, readDrawn, writeCase } from "../../peers/draw-case.ts";
import { LAYOUTS, ropeKeys } from "../../peers/draw-rope.ts";
import { architectureSchema } from "../../plan/documents/architecture.ts";
import { FAMILIES as READ } from "../../plan/documents/families.ts";
import { targetsOf } from "../../plan/documents/projections.ts";
import { type Architecture, jobsOn, PROJECTIONS, parseWorkload } from "../../plan/index.ts";

const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7];

it("draws every family that is read in both dtypes, the same from the same seed and others from another", () => {
  const cases = drawCases(7, 2);
  expect(cases.map(({ name }) => name)).toEqual(
    Object.keys(FAMILIES).flatMap((family) =>
      ["float32", "bfloat16"].flatMap((dtype) => [1, 2].map((index) => `${family} ${index}, ${dtype}`)),
    ),
  );
  expect(new Set(cases.map(({ config }) => config["model_type"]))).toEqual(new Set(Object.keys(READ)));
  expect(drawCases(7, 2)).toEqual(cases);
  expect(cases).toEqual(expect.arrayContaining([...drawCases(7, 1)]));
  for (const [index, other] of drawCases(8, 2).entries()) expect(other.rows).not.toEqual(cases[index]!.rows);
});

it.each(SEEDS)("draws models that loratwin reads, and rows that they take (seed %i)", (seed) => {
  for (const { config, rows, jobs } of drawCases(seed)) {
    const architecture = readDrawn(config);
    for (const { adapter } of jobs) {
      const { targets } = jobsOn(architecture, [{ adapter: { ...adapter, targets: [...adapter.targets] } }])[0]!
        .adapter;
      expect(targetsOf(architecture)).toEqual(expect.arrayContaining(targets));
    }
    for (const { input_ids, labels } of Object.values(rows).flat()) {
      expect(labels.length).toBe(input_ids.length);
      expect(input_ids.length).toBeLessThanOrEqual(architecture.maxPositions);
      expect(Math.max(...input_ids)).toBeLessThan(architecture.vocabularySize);
    }
  }
});

const models = Object.keys(FAMILIES).flatMap((name) =>
  Array.from({ length: 40 }, (_, turn) => drawModel(name, createRng(`${name} ${turn}`), 40, turn)),
);

it("says the same of a model in every layout of its configuration", () => {
  for (const { keys, rope } of models) {
    // Of Gemma 3 none has the old name.
    const names = keys["model_type"] === "gemma3_text" ? [false] : [true, false];
    const [first, ...others] = LAYOUTS.flatMap((layout) =>
      names.map((older) => readDrawn({ ...keys, ...ropeKeys(rope, layout, older) })),
    );
    for (const other of others) expect(other).toEqual(first);
  }
});

it("draws everything that an architecture may have", () => {
  const drawn = models.map(({ keys, rope }): Architecture => readDrawn({ ...keys, ...ropeKeys(rope, "4", false) }));
  const had = new Set(drawn.flatMap((arch) => Object.keys(arch)));
  expect(Object.keys(architectureSchema.shape).filter((key) => !had.has(key))).toEqual([]);
  const experts = new Set(drawn.flatMap((arch) => Object.keys(arch.experts ?? {})));
  expect(Object.keys(architectureSchema.shape.experts.unwrap().shape).filter((key) => !experts.has(key))).toEqual([]);
  const ropes = new Set(drawn.map(({ ropeScaling }) => ropeScaling?.type));
  expect(ropes).toEqual(new Set([undefined, "linear", "llama3", "yarn", "longrope"]));
});

it("draws every form of an adapter that both sides have, experts by both of their names", () => {
  const jobs = SEEDS.flatMap((seed) => drawCases(seed)).flatMap((drawn) => drawn.jobs);
  const forms = new Set(jobs.flatMap(({ adapter, optimizer }) => [...Object.keys(adapter), ...Object.keys(optimizer)]));
  for (const form of ["rslora", "rankPattern", "alphaPattern", "loraPlusRatio"]) expect(forms).toContain(form);
  const targets = new Set(jobs.flatMap(({ adapter }) => adapter.targets));
  expect(targets).toEqual(new Set(PROJECTIONS));
  const ofMixtures = SEEDS.flatMap((seed) => drawCases(seed)).filter(
    ({ config }) => config["model_type"] === "mixtral",
  );
  expect(ofMixtures.flatMap((drawn) => drawn.jobs).flatMap(({ adapter }) => adapter.targets)).toContain("down_proj");
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
