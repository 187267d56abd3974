// @module-tag slow

import { spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { readRun } from "../../runs/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const folder = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");
const at = (...names: readonly string[]): string => path.join(folder, ...names);
const PROMPTS = ["Which day?", "<b>Straße</b>\nnow"];
const STEPS = 120;

const workload = {
  kind: "workload",
  version: 1,
  model: { path: "model" },
  defaults: {
    data: { path: "rows.jsonl" },
    batchSize: 4,
    microBatchSize: 2,
    steps: STEPS,
    optimizer: { learningRate: 0.01 },
    sample: { everySteps: 50, maxTokens: 12 },
  },
  jobs: [
    { name: "both", sample: { prompts: PROMPTS }, evaluation: { share: 0.2, everySteps: 40 } },
    { name: "one", sample: { prompts: PROMPTS.slice(0, 1), everySteps: 500 } },
  ],
};

const DEVICES = ["--devices", "cpu:0,cpu:1", "--pipelines", "2"];
const samples = (run: string) => readRun({ cwd: folder }, run, "plan").samples;
const bytesOf = (run: string, job: string) => readFileSync(at(run, "adapters", job, "adapter_model.safetensors"));

beforeAll(async () => {
  await printed(["init-model", "model", "--hidden-size", "32", "--layers", "2", "--heads", "2"], folder);
  const rows = Array.from({ length: 40 }, (_, row) =>
    JSON.stringify({ question: `Which day is number ${row}?`, answer: `It is day ${row % 7}.` }),
  );
  const prompt = "Question: {{question}}\nAnswer:";
  writeFileSync(at("rows.jsonl"), `${rows.join("\n")}\n`);
  const data = { ...workload.defaults.data, prompt, response: " {{answer}}" };
  const defaults = { ...workload.defaults, data };
  writeFileSync(at("work.json"), JSON.stringify({ ...workload, defaults }));
  await printed(["train", "work.json", ...DEVICES, "-o", "run", "--no-cache"], folder);
}, 120_000);

describe("a run whose jobs answer prompts", () => {
  it("writes each answer once, of adapters after the steps that are due, and of the base the first time", () => {
    const keys = samples("run").map(({ job, step, by, prompt }) => [job, step, by, prompt].join(" | "));
    const due = (step: number, by: string) => PROMPTS.map((prompt) => ["both", step, by, prompt].join(" | "));
    expect(keys.sort()).toEqual(
      [
        ...[49, 99, STEPS - 1].flatMap((step) => due(step, "adapter")),
        ...due(49, "base"),
        ...["adapter", "base"].map((by) => ["one", STEPS - 1, by, PROMPTS[0]].join(" | ")),
      ].sort(),
    );
    for (const { tokens, text, ended } of samples("run")) {
      expect(tokens <= 12 && (ended || tokens === 12)).toBe(true);
      expect(typeof text).toBe("string");
    }
  });

  it("gives the answers that `generate` gives for its adapters, in the form of their rows", async () => {
    const told = await printed(
      [
        "generate",
        "run",
        "--adapters",
        "base,both",
        ...PROMPTS.flatMap((text) => ["-p", text]),
        "--max-tokens",
        "12",
        "--json",
      ],
      folder,
    );
    const { answers } = JSON.parse(told) as {
      readonly answers: readonly { readonly answers: Readonly<Record<string, { readonly text: string }>> }[];
    };
    const last = samples("run").filter(({ job, step, by }) => job === "both" && (step === STEPS - 1 || by === "base"));
    for (const [index, prompt] of PROMPTS.entries())
      for (const [by, name] of [
        ["base", "base"],
        ["adapter", "both"],
      ] as const) {
        const own = last.find((line) => line.prompt === prompt && line.by === by)!;
        expect(answers[index]!.answers[name]!.text).toBe(own.text);
      }
  });

  it("is planned, said, checked, simulated and drawn", async () => {
    const planned = await printed(["plan", "work.json", ...DEVICES, "-o", "plan.json", "--no-cache"], folder);
    expect(planned).toContain("both answers 2 prompts 3 times");
    expect(await printed(["validate", "run"], folder)).toContain("valid run folder");
    await printed(["simulate", "plan.json", "-o", "simulated.json"], folder);
    await printed(["compare", "simulated.json", "run", "-o", "report.html"], folder);
    await printed(["report", "run", "-o", "run.html"], folder);
    const page = readFileSync(at("run.html"), "utf8");
    expect(page).toContain("Which day?");
    expect(page).not.toContain("<b>Straße");
    const lines = readFileSync(at("run", "samples.jsonl"), "utf8").split("\n");
    writeFileSync(at("run", "samples.jsonl"), lines.slice(1).join("\n"));
    const { code, stderr } = await runCli(["validate", "run"], folder);
    writeFileSync(at("run", "samples.jsonl"), lines.join("\n"));
    expect([code, stderr]).toEqual([2, expect.stringContaining("the answer of job")]);
  });

  it("that is killed and goes on has the same answers and adapters", async () => {
    const child = spawn(
      process.execPath,
      [program, "train", "plan.json", "-o", "cut", "--no-cache", "--checkpoint-steps", "20"],
      {
        cwd: folder,
      },
    );
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const numLines = () =>
      existsSync(at("cut", "metrics.jsonl")) ? readFileSync(at("cut", "metrics.jsonl"), "utf8").split("\n").length : 0;
    while (child.exitCode === null && numLines() < STEPS) await sleep(5);
    child.kill("SIGKILL");
    await ended;
    const { code } = await runCli(["resume", "cut", "--no-cache"], folder);
    // A run that had ended before it was killed is not resumed.
    expect([0, 2]).toContain(code);
    const sorted = (run: string) =>
      samples(run)
        .map((line) => JSON.stringify(line))
        .sort();
    expect(sorted("cut")).toEqual(sorted("run"));
    for (const job of ["both", "one"]) expect(bytesOf("cut", job).equals(bytesOf("run", job))).toBe(true);
  }, 60_000);

  it.each([
    [{ prompts: ["a", "a"], everySteps: 1 }, "prompts that differ"],
    [{ prompts: [], everySteps: 1 }, "sample.prompts"],
    [{ prompts: [""], everySteps: 1 }, "sample.prompts"],
    [{ prompts: [7], everySteps: 1 }, "texts"],
    [{ prompts: ["a"] }, "sample.everySteps"],
    [{ prompts: ["a"], everySteps: 1, maxTokens: 1025 }, "sample.maxTokens"],
    [{ prompts: ["a ".repeat(600)], everySteps: 1, maxTokens: 2 }, "cutoffLength is 512."],
  ])("is refused with a sample %o", async (sample, message) => {
    const jobs = [{ name: "wrong", sample }];
    const { sample: _, ...defaults } = workload.defaults;
    writeFileSync(at("wrong.json"), JSON.stringify({ ...workload, defaults, jobs }));
    const { code, stderr } = await runCli(["plan", "wrong.json", "-o", "x.json"], folder);
    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
