import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { initModel } from "../../datasets/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const at = (name: string): string => path.join(root, name);

const sum = (a: number, answer = `${a + 1}`) => ({ question: `${a} + 1?`, answer });

function writeRows(name: string, rows: readonly object[]): void {
  writeFileSync(at(name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
}

function writeWorkload(name: string, jobs: readonly object[], model = "model"): void {
  const defaults = {
    ...{ adapter: { rank: 2, alpha: 2, targets: ["q_proj"] }, batchSize: 4, epochs: 2, cutoffLength: 60 },
    optimizer: { name: "adamw", learningRate: 1e-3 },
  };
  writeFileSync(at(name), JSON.stringify({ kind: "workload", version: 1, model: { path: model }, defaults, jobs }));
}

beforeAll(() => {
  initModel({ folder: at("model"), hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const train = Array.from({ length: 20 }, (_, row) => sum(row));
  writeRows("train.jsonl", [...train, sum(3), sum(30, "much ".repeat(20)), { ...sum(31), question: "x".repeat(80) }]);
  writeRows("held.jsonl", [sum(4), sum(5), sum(6, "six?"), sum(70)]);
  const talk = (answer: object) => ({
    messages: [
      { role: "user", content: "hi" },
      { role: "assistant", content: "ho", ...answer },
    ],
  });
  writeRows("talks.jsonl", [talk({}), talk({ weight: 0 }), talk({ label: false }), talk({ weight: "?" })]);
  writeRows("ids.jsonl", [{ input_ids: [1, 2, 3] }]);
  const data = { path: "train.jsonl" };
  writeWorkload("w.json", [
    { name: "sums", data, evaluation: { data: { path: "held.jsonl" }, everySteps: 5 } },
    { name: "shared", data, evaluation: { share: 0.2, everySteps: 5 } },
    { name: "forecast", data: { lengths: [10, 70], samples: 8 } },
  ]);
  writeWorkload("refused.json", [
    { name: "talks", data: { path: "talks.jsonl" } },
    { name: "none", data: { path: "nowhere.jsonl" } },
    { name: "sums", data },
  ]);
});

const SAID = [
  /sums: 2 of 4 held-out rows are trained on, too, .*: held\.jsonl line 1 is also train\.jsonl line 5/,
  /sums: 1 of 4 held-out rows has a prompt that is trained on with another answer: held\.jsonl line 3 has the prompt of train\.jsonl line 7/,
  /sums: 1 of 23 rows is the same as an earlier row: train\.jsonl line 21 is the same as train\.jsonl line 4/,
  /sums, shared: 1 of 23 rows cut to 60 tokens/,
  /sums, shared: 1 of 23 rows dropped, the cutoff left nothing to score/,
];

function unfolded(text: string): string {
  return text.replace(/\n {2}(?=\S)/g, " ");
}

describe("data of a workload", () => {
  it("has all jobs in one table of at most 80 columns, with held-out rows, steps and epochs", async () => {
    const text = await printed(["data", "w.json"], root);
    await expect(`${text.split("\n\nWarning")[0]!}\n`).toMatchFileSnapshot("goldens/workload-data.txt");
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
  });

  it("says the same of rows as validate does, and plan without the rows' places", async () => {
    const text = unfolded(await printed(["data", "w.json"], root));
    const { stderr, code } = await runCli(["validate", "w.json"], root);
    expect(code).toBe(0);
    const plan = await runCli(["plan", "w.json", "--devices", "unit*1"], root);
    for (const line of SAID) {
      expect(text).toMatch(line);
      expect(stderr).toMatch(line);
      const [before] = line.source.split(": held").flatMap((part) => part.split(": train"));
      expect(plan.stderr).toMatch(new RegExp(before!.replace(/, \.\*$/, "")));
    }
  });

  it("counts each refused row, goes on with other jobs, and ends with 1; validate ends with 2", async () => {
    const { code, stdout } = await runCli(["data", "refused.json", "--json"], root);
    expect(code).toBe(1);
    const { jobs } = JSON.parse(stdout) as { readonly jobs: readonly Record<string, never>[] };
    expect(jobs.map(({ training, run }) => [training?.["numRefused"] ?? null, run === null])).toEqual([
      [2, false],
      [null, true],
      [0, false],
    ]);
    const validated = await runCli(["validate", "refused.json"], root);
    expect(validated.code).toBe(2);
    for (const line of [
      /talks: 2 of 4 rows refused: .*talks\.jsonl:3: Expected "label" to be true at messages\[1\]\.label/,
      /none: .*Expected a data file at jobs\[1\]\.data\.path/,
      /Warning: talks: 1 of 2 rows left out/,
    ])
      expect(validated.stderr).toMatch(line);
  });

  it("tells, counts and leaves out rows that cannot be read, where the workload says so, up to the run's summary", async () => {
    writeRows("bad.jsonl", [sum(0), { question: 1 }, sum(1), { answer: "" }, sum(2), sum(3)]);
    writeWorkload("skip.json", [{ name: "skip", data: { path: "bad.jsonl", onBadRow: "skip" } }]);
    const told = /skip: 2 of 6 rows cannot be read and are left out: .*bad\.jsonl:2: .*bad\.jsonl:4: /s;
    const validated = await runCli(["validate", "skip.json"], root);
    expect([validated.code, validated.stderr]).toEqual([0, expect.stringMatching(told)]);
    expect(unfolded(await printed(["data", "skip.json"], root))).toMatch(/4 rows; .*2 refused/);
    expect((await runCli(["plan", "skip.json", "--devices", "cpu:0", "-o", "skip-plan.json"], root)).stderr).toMatch(
      told,
    );
    const { stdout } = await runCli(["train", "skip-plan.json", "-o", "skip-run", "--json"], root);
    expect(JSON.parse(stdout)).toMatchObject({ jobs: [{ name: "skip", skippedRows: 2 }] });
  });

  it("predicts time and memory where devices are named, as estimate does", async () => {
    const costs = {
      kind: "calibration",
      version: 1,
      model: "constant",
      seconds: { F: 1, B: 2, transfer: 0, update: 0 },
    };
    writeFileSync(at("costs.json"), JSON.stringify(costs));
    const asked = ["--devices", "unit*1", "--calibration", "costs.json"];
    const of = async (command: string): Promise<Record<string, unknown>> =>
      JSON.parse(await printed([command, "w.json", ...asked, "--json"], root)) as Record<string, unknown>;
    const { seconds } = await of("estimate");
    const { estimate } = await of("data");
    expect((estimate as { seconds: { predicted: number } }).seconds.predicted).toBe(
      (seconds as { predicted: number }).predicted,
    );
  });

  it("names a dozen of many jobs of which the same is said", async () => {
    const jobs = Array.from({ length: 60 }, (_, seed) => ({ name: `j${seed}`, seed, data: { path: "train.jsonl" } }));
    writeWorkload("many.json", jobs);
    const text = await printed(["data", "many.json"], root);
    expect(text).toContain("and 20 jobs more: --json has all");
    expect(text).toContain("j11 and 48 more");
    expect(text.split("\n").length).toBeLessThan(70);
  });

  it("shows rows of each file, and refuses what is said of rows alone", async () => {
    const text = await printed(["data", "w.json", "--show", "1"], root);
    expect(text).toContain("train.jsonl line 1: ");
    expect(text).toContain("held.jsonl line 1: ");
    const { code, stderr } = await runCli(["data", "w.json", "--format", "text"], root);
    expect([code, stderr]).toEqual([2, expect.stringContaining("Expected rows for --format text")]);
  });

  it("reads rows of token ids with a model that has no tokenizer, also where the first record says so", async () => {
    initModel({ folder: at("bare"), hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) rmSync(at(`bare/${name}`));
    writeWorkload("bare.json", [{ name: "ids", data: { path: "ids.jsonl" } }], "bare");
    for (const words of [["data"], ["validate"], ["plan", "--devices", "unit*1"]]) {
      const { code, stderr } = await runCli([words[0]!, "bare.json", ...words.slice(1)], root);
      expect(code, stderr).toBe(0);
    }
    const { code } = await runCli(["train", "bare.json", "--devices", "cpu:0", "-o", "run"], root);
    expect(code).toBe(0);
  });
});
