import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it } from "vitest";
import { createRng } from "../../core/index.ts";
import { drawModel, FAMILIES } from "../../peers/cases.ts";
import { LOSSES } from "../../peers/draw-answers.ts";
import { type DrawnRow, drawCases, readDrawn, writeCase } from "../../peers/draw-case.ts";
import { LAYOUTS, ropeKeys } from "../../peers/draw-rope.ts";
import { architectureSchema } from "../../plan/documents/architecture.ts";
import { FAMILIES as READ } from "../../plan/documents/families.ts";
import { lossSchema } from "../../plan/documents/loss.ts";
import { targetsOf } from "../../plan/documents/projections.ts";
import { type Architecture, jobsOn, PROJECTIONS, parseWorkload } from "../../plan/index.ts";

const SEEDS = [0, 1, 2, 3, 4, 5, 6, 7];

/** A row's sequences, with labels as of tokens. */
function sequencesOf(row: DrawnRow): readonly { ids: readonly number[]; labels: readonly number[] }[] {
  if ("input_ids" in row) return [{ ids: row.input_ids, labels: row.labels }];
  const { prompt_ids: prompt } = row;
  const answers = "label" in row ? [row.completion_ids] : [row.chosen_ids, row.rejected_ids];
  return answers.map((answer) => ({ ids: [...prompt, ...answer], labels: [...prompt.map(() => -100), ...answer] }));
}

it("draws every family that is read and every loss in both dtypes, the same from the same seed and others from another", () => {
  const cases = drawCases(7, 2);
  expect(cases.map(({ name }) => name)).toEqual(
    [...Object.keys(FAMILIES), ...LOSSES].flatMap((subject) =>
      ["float32", "bfloat16"].flatMap((dtype) => [1, 2].map((index) => `${subject} ${index}, ${dtype}`)),
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
    for (const { adapter, loss } of jobs) {
      const { trainableTokens, ...given } = adapter;
      const tokens = trainableTokens && { trainableTokens: [...trainableTokens] };
      const own = {
        adapter: { ...given, ...tokens, targets: [...adapter.targets] },
        loss: loss && lossSchema.parse(loss),
      };
      expect(targetsOf(architecture)).toEqual(expect.arrayContaining(jobsOn(architecture, [own])[0]!.adapter.targets));
    }
    for (const { ids, labels } of Object.values(rows).flat().flatMap(sequencesOf)) {
      expect(labels.length).toBe(ids.length);
      expect(ids.length).toBeLessThanOrEqual(architecture.maxPositions);
      expect(Math.max(...ids)).toBeLessThan(architecture.vocabularySize);
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

it("draws every type and key of losses that compare answers, but for the reference and what TRL passes over", () => {
  const losses = SEEDS.flatMap((seed) => drawCases(seed, 3)).flatMap(({ jobs }) =>
    jobs.flatMap(({ loss }) => loss ?? []),
  );
  const drawn = new Set(losses.flatMap(({ kind, ...keys }) => Object.keys(keys).map((key) => `${kind}.${key}`)));
  const known = lossSchema.options.flatMap(({ shape: { kind, ...keys } }) =>
    Object.keys(keys)
      .filter((key) => key !== "reference")
      .map((key) => `${kind.value}.${key}`),
  );
  expect(drawn).toEqual(new Set(known));
  const types = new Set(losses.map(({ kind, type }) => `${kind} ${String(type)}`));
  for (const type of ["sigmoid", "ipo", "hinge", "robust", "sigmoid_norm", "apo_zero"])
    expect(types).toContain(`dpo ${type}`);
  for (const type of ["kto", "apo_zero_unpaired"]) expect(types).toContain(`kto ${type}`);
  for (const { type, labelSmoothing } of losses) if (type === "sigmoid") expect(labelSmoothing).toBeUndefined();
});

it.each(SEEDS)("gives every mini-batch something to score (seed %i)", (seed) => {
  for (const { jobs, rows } of drawCases(seed))
    for (const { data, batchSize, steps } of jobs) {
      const own = rows[data.path]!;
      expect(own).toHaveLength(batchSize * steps);
      for (let step = 0; step < steps; step += 1) {
        const batch = own.slice(step * batchSize, (step + 1) * batchSize);
        expect(batch.flatMap(sequencesOf).some(({ labels }) => labels.slice(1).some((label) => label !== -100))).toBe(
          true,
        );
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
