import { beforeAll, describe, expect, it } from "vitest";
import { quantile } from "../../core/index.ts";
import type { KernelScore, PublishedRow, SourceScore } from "../../studies/index.ts";
import { blank, fieldProblems, under } from "./fields/check-fields.ts";
import { above, matches, oneOf, that, within } from "./fields/checks.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();

interface Accuracy {
  readonly steps: readonly PublishedRow[];
  readonly rates: readonly PublishedRow[];
  readonly plain: readonly PublishedRow[];
  readonly kernels: readonly KernelScore[];
  readonly scores: readonly SourceScore[];
}

const errorsOf = (rows: readonly PublishedRow[]): readonly number[] =>
  rows.map(({ predicted, measured }) => Math.abs(predicted / measured - 1));

const insideOf = (rows: readonly PublishedRow[]): number =>
  rows.filter(({ low, measured, high }) => low <= measured && measured <= high).length / rows.length;

describe("accuracy", { tags: ["slow"] }, () => {
  let all: Accuracy;
  beforeAll(async () => {
    all = JSON.parse(await printed(["accuracy", "--json"], root)) as Accuracy;
  }, 120_000);

  it("is as promised of rates that nothing is fitted to", () => {
    const isFull = ({ source }: PublishedRow): boolean => source.endsWith(", full");
    const kinds = [all.rates.filter((row) => !isFull(row)), all.rates.filter(isFull)];
    expect(kinds.map(({ length }) => length)).toEqual([25, 16]);
    for (const rates of kinds) {
      const errors = errorsOf(rates);
      expect(quantile(errors, 0.5)).toBeLessThanOrEqual(0.1);
      expect(quantile(errors, 0.9)).toBeLessThanOrEqual(0.2);
      expect(insideOf(rates)).toBeGreaterThanOrEqual(0.85);
      expect(insideOf(rates)).toBeLessThanOrEqual(0.95);
    }
    expect(quantile(errorsOf(kinds[0]!), 0.5)).toBeLessThanOrEqual(0.08);
  });

  it("is as promised of plain software whose model was left out", () => {
    expect(all.plain).toHaveLength(25);
    expect(quantile(errorsOf(all.plain), 0.5)).toBeLessThanOrEqual(0.08);
    expect(quantile(errorsOf(all.plain), 0.9)).toBeLessThanOrEqual(0.16);
    expect(insideOf(all.plain)).toBeGreaterThanOrEqual(0.85);
  });

  it("is as promised of steps whose group was left out", () => {
    expect(all.steps).toHaveLength(85);
    const sure = all.steps.filter(({ isDoubtful }) => !isDoubtful);
    expect(quantile(errorsOf(sure), 0.5)).toBeLessThanOrEqual(0.03);
    expect(quantile(errorsOf(sure), 0.9)).toBeLessThanOrEqual(0.06);
    expect(insideOf(sure)).toBeGreaterThanOrEqual(0.85);
  });

  it("prints fields that mean what they are called", () => {
    const row = {
      name: matches(/^[a-z]/),
      source: matches(/^(MLPerf, |Megatron-Bridge|NeMo|AutoModel|torchtune|release )/),
      accelerator: matches(/^(A100|B200|GB|Gaudi|H[12]00|L40S|MI|RTX)/),
      measured: within(0.1, 60),
      predicted: within(0.1, 60),
      low: that(
        "below the prediction",
        (value: number, { owners }) => value < (owners.at(-1) as PublishedRow).predicted,
      ),
      high: that("above it", (value: number, { owners }) => value > (owners.at(-1) as PublishedRow).predicted),
      isDoubtful: oneOf([true, false]),
    };
    const table = {
      ...under("steps[].", row),
      ...under("rates[].", { ...row, isDoubtful: blank("doubtful ones are left out", oneOf([false])) }),
      ...under("plain[].", { ...row, isDoubtful: blank("none is", oneOf([false])) }),
      ...under("kernels[].", {
        accelerator: matches(/^(A100|B200|GB200|H[12]00|L40S)/),
        kernel: oneOf(["products", "attention", "collectives"]),
        times: above(80, 6000),
        median: within(0.03, 0.12),
        p90: within(0.1, 0.35),
      }),
      ...under("scores[].", {
        ...{ source: row.source, accelerator: row.accelerator },
        rows: above(0, 40),
        bias: within(-0.5, 0.5),
        median: within(0, 0.5),
        p90: within(0, 0.5),
        worst: within(0, 0.5),
        inside: within(0, 1),
      }),
    };
    expect(fieldProblems(all, table)).toEqual([]);
    const { rows } = all.scores.find(
      ({ source, accelerator }) => source === "AutoModel" && accelerator === "H100 SXM",
    )!;
    expect(rows).toBe(6);
  });
});

it("tells people of one accelerator, in lines that fit", async () => {
  const text = await printed(["accuracy", "A100 SXM 80"], root);
  expect(text).toMatch(/\nMLPerf, deepspeed +A100 SXM 80 +1 +\+\d/);
  expect(text).toMatch(/\ntorchtune +A100 SXM 80 +4 /);
  expect(text).toMatch(/\nrelease transformers-peft +A100 SXM 80 +18 /);
  expect(text).toMatch(/\nA100 SXM 80 +products +5257 /);
  expect(text).not.toContain("H100");
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(120);
});

it("says that nothing is known of one, and refuses what is none", async () => {
  expect(await printed(["accuracy", "L4"], root)).toMatch(/^No public row is of it/);
  const none = await runCli(["accuracy", "H900"], root);
  expect(none.code).toBe(2);
  expect(none.stderr).toMatch(/^Expected a device of the catalog at accelerator, got "H900"/);
});
