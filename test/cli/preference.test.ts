import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readRun } from "../../runs/index.ts";
import { runCli, temporaryFolder } from "./run-cli.ts";

const STEPS = 4;
const folder = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(folder, ...names);

const lines = (records: readonly object[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join("");
const question = (row: number): string => `What is ${row} plus ${row}?`;
const PAIRS = Array.from({ length: 8 }, (_, row) => ({
  prompt: question(row),
  chosen: ` It is ${2 * row}.`,
  rejected: ` ${2 * row + 1}`,
}));
/** The same as conversations, without a prompt of their own. */
const TALKS = PAIRS.map(({ prompt, chosen, rejected }) => {
  const asked = { role: "user", content: prompt };
  return {
    chosen: [asked, { role: "assistant", content: chosen }],
    rejected: [asked, { role: "assistant", content: rejected }],
  };
});
const LABELS = PAIRS.map(({ prompt, chosen, rejected }, row) => ({
  ...{ prompt, completion: row % 2 === 0 ? chosen : rejected, label: row % 2 === 0 },
}));

const workload = {
  kind: "workload",
  version: 1,
  model: { path: "model" },
  defaults: { batchSize: 8, microBatchSize: 4, steps: STEPS, optimizer: { learningRate: 0.01 }, evaluation: undefined },
  jobs: [
    {
      name: "pairs",
      data: { path: "pairs.jsonl" },
      loss: { kind: "dpo", sftWeight: 0.1 },
      // The rows that it trains on: a rate that changes nothing leaves them the same loss.
      evaluation: { data: { path: "pairs.jsonl" }, everySteps: 2 },
      optimizer: { learningRate: 1e-20 },
    },
    {
      name: "talks",
      data: { path: "talks.jsonl" },
      loss: { kind: "orpo" },
      evaluation: { share: 0.25, everySteps: 2 },
    },
    {
      name: "labels",
      data: { path: "labels.jsonl", shuffle: false },
      loss: { kind: "kto" },
      microBatchSize: 8,
      evaluation: { data: { path: "labels.jsonl" }, everySteps: 4 },
      optimizer: { learningRate: 1e-20 },
    },
    { name: "plain", data: { path: "pairs.jsonl", prompt: "{{prompt}}", response: "{{chosen}}" } },
  ],
};

async function command(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(argv, folder);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

beforeAll(async () => {
  writeFileSync(at("workload.json"), JSON.stringify(workload));
  for (const [name, records] of Object.entries({ pairs: PAIRS, talks: TALKS, labels: LABELS }))
    writeFileSync(at(`${name}.jsonl`), lines(records));
  const size = ["--hidden-size", "32", "--layers", "2", "--heads", "2", "--kv-heads", "2"];
  await command("init-model", "model", ...size);
  await command("plan", "workload.json", "--devices", "cpu:0", "-o", "plan.json");
  await command("train", "plan.json", "-o", "run");
}, 300_000);

describe("a workload whose losses compare answers", () => {
  it("is trained in memory as planned, with lines that tell rewards, margins and log-probabilities", () => {
    const { metrics, evaluations, state, plan } = readRun({ cwd: folder }, "run", "plan");
    expect(state).toBe("ended");
    expect(metrics).toHaveLength(4 * STEPS);
    for (const { job, preference, tokens, step } of metrics) {
      if (job === "plain") {
        expect(preference).toBeUndefined();
        continue;
      }
      const planned = plan.microBatches.filter((each) => each.step === step && each.evaluation !== true);
      const own = planned.flatMap(({ rows }) => rows.filter(([of]) => plan.jobs[of]!.name === job));
      expect(tokens).toBe(own.reduce((sum, row) => sum + row[2], 0));
      expect(preference!.margin).toBeCloseTo(preference!.rewardChosen! - preference!.rewardRejected!, 12);
      expect(preference!.logpChosen).toBeLessThan(0);
      expect([preference!.accuracy === null, preference!.kl === null]).toEqual(
        job === "labels" ? [true, false] : [false, true],
      );
    }
    // The adapter adds nothing at first: the loss of every pair is log 2.
    const first = metrics.find(({ job }) => job === "pairs")!;
    expect(first.loss).toBeCloseTo(Math.log(2) + 0.1 * first.preference!.nll!, 5);
    expect(metrics.find(({ job }) => job === "labels")!.loss).toBeCloseTo(0.5, 6);
    for (const name of ["pairs", "labels"]) {
      const [trained] = metrics.filter(({ job }) => job === name);
      const [held] = evaluations.filter(({ job }) => job === name);
      expect(held!.evaluationLoss).toBeCloseTo(trained!.loss, 6);
      expect(held!.preference!.logpChosen).toBeCloseTo(trained!.preference!.logpChosen!, 3);
    }
    expect(evaluations.filter(({ job }) => job === "talks")).toHaveLength(2);
  });

  it("is whole by check-run, and shown in a report", async () => {
    expect(await command("check-run", "run")).toMatch(/ended as planned, with 4 adapters/);
    await command("report", "run", "-o", "report.html");
    expect(readFileSync(at("report.html"), "utf8")).toContain("talks");
  });

  it("gives the same bytes when its plan is trained again", async () => {
    expect(await command("reproduce", "run")).toMatch(/same/);
  });

  it("refuses a plan whose data have changed", async () => {
    const file = at("labels.jsonl");
    const before = readFileSync(file, "utf8");
    writeFileSync(file, before.replace('"label":true', '"label":false'));
    const { code, stderr } = await runCli(["train", "plan.json", "-o", "other"], folder);
    writeFileSync(file, before);
    expect(code).toBe(2);
    expect(stderr).toMatch(/data that the plan was made from/);
  });

  it("says what the rows of its jobs become, pair by pair", async () => {
    const text = await command("data", "workload.json");
    expect(text).toMatch(/^pairs +8 /m);
    expect(text).toMatch(/^talks +6 /m);
    expect(text).toMatch(/^labels +8 /m);
  });
});
