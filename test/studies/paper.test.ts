import { expect, test } from "vitest";
import { CATALOG } from "../../plan/index.ts";
import { PAPER_ERROR, paperTable } from "../../studies/index.ts";
import { FOUND } from "../../studies/paper/calibrate-paper.ts";

const result = paperTable(CATALOG);

function score(of: string) {
  return result.scores.find((each) => each.of === of)!;
}

test("three cells of the four GPUs predict the other pipeline cells, and tensor parallelism without any of its own", () => {
  expect(result.rows.filter(({ cell, use }) => use === "calibration" && cell.figure === "7")).toHaveLength(3);
  const pipelines = score("pipelines, Fig. 7");
  expect(pipelines.rows).toBeGreaterThanOrEqual(15);
  expect(pipelines.mean).toBeLessThanOrEqual(0.015);
  expect(pipelines.worst).toBeLessThanOrEqual(0.03);
  expect(score("tensor parallel, Fig. 7").worst).toBeLessThanOrEqual(0.05);
  expect(score("one GPU, 8-bit base, Fig. 14").worst).toBeLessThanOrEqual(0.06);
});

test("who wins and who is out of memory is as published", () => {
  expect(result.orderings.length).toBeGreaterThan(20);
  expect(result.orderings.filter(({ holds }) => !holds)).toEqual([]);
  expect(result.rows.filter(({ predicted }) => predicted === "out of memory").map(({ name }) => name)).toEqual([
    "Fig. 7, llama-2-13b, fsdp, hours",
    "Fig. 11, llama-2-13b, fsdp, tokens/s",
  ]);
  expect(result.agrees).toBe(true);
});

test("what the model lacks is said where it shows, and nothing there is fitted", () => {
  const explained = result.rows.filter(({ use }) => use === "explained");
  expect(explained.length).toBeGreaterThan(0);
  for (const { note } of explained) expect(note).not.toBe("");
  const far = result.rows.filter(({ error, use }) => use === "predicted" && Math.abs(error ?? 0) > 0.06);
  expect(far).toEqual([]);
});

test("the same catalog gives the same table", { tags: ["nightly"] }, () => {
  expect(paperTable(CATALOG)).toEqual(result);
});

test("what is kept of the calibration is what it finds", () => {
  const found = result.calibration.figures.filter(({ name }) => name in FOUND);
  for (const [name, value] of Object.entries(FOUND))
    expect(found.find((figure) => figure.name === name)!.value / value).toBeCloseTo(1, 6);
  expect(PAPER_ERROR).toBeCloseTo(score("pipelines, Fig. 7").mean, 4);
});
