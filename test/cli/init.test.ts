import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { initModel } from "../../datasets/index.ts";
import { parseWorkload } from "../../plan/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const at = (name: string): string => path.join(root, name);
const write = (name: string, rows: readonly object[]): void =>
  writeFileSync(at(name), rows.map((row) => JSON.stringify(row)).join("\n"));
const talk = (question: string, answer: string) => ({
  conversations: [
    { from: "human", value: question },
    { from: "gpt", value: answer },
  ],
});
const init = (...rest: readonly string[]): Promise<string> => printed(["init", ...rest, "--model", "model"], root);
let said: string;
const workload = (name: string) => parseWorkload(readFileSync(at(name), "utf8"), name);

beforeAll(async () => {
  initModel({ folder: at("model"), hiddenSize: 16, layers: 1, heads: 1, seed: 0, maxPositions: 512 });
  write(
    "talks.jsonl",
    Array.from({ length: 40 }, (_, index) => talk(`${index} + 1?`, `${index + 1}.`)),
  );
  mkdirSync(at("other"));
  write("other/Talks.jsonl", [talk("a", "b")]);
  write("pairs.jsonl", [
    { q: "one", a: "two" },
    { q: "three", a: "four" },
  ]);
  said = await init("talks.jsonl");
});

describe("init", () => {
  it("leads from a file of ShareGPT to an adapter in three commands", { tags: ["slow"] }, async () => {
    expect(said).toContain("written to workload.yaml\n");
    expect(said).toMatch(/loratwin train workload\.yaml -o run +train/);
    expect(await printed(["validate", "workload.yaml"], root)).toContain("valid workload");
    expect(await printed(["plan", "workload.yaml", "--devices", "cpu:0"], root)).toContain("1 job in 1 group");
    await printed(["train", "workload.yaml", "--devices", "cpu:0", "-o", "run"], root);
    expect(existsSync(at("run/adapters/talks/adapter_config.json"))).toBe(true);
  });

  it("says of each value why it is so, in lines of at most 80 columns", () => {
    const text = readFileSync(at("workload.yaml"), "utf8");
    for (const source of ["2106.09685", "2305.14314", "2405.09673", "LoRA Without Regret"])
      expect(text).toContain(source);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const [job] = workload("workload.yaml").jobs;
    expect(job).toMatchObject({
      ...{ name: "talks", batchSize: 1, epochs: 3, cutoffLength: 32 },
      adapter: { rank: 4, alpha: 8, targets: { length: 7 } },
      data: { path: "talks.jsonl", format: "chat" },
      evaluation: { share: 0.1, everySteps: 11 },
      optimizer: { schedule: { name: "cosine", warmupSteps: 4 } },
    });
  });

  it("makes a job of each file, with names that differ, and paths from the workload's folder", async () => {
    await init("talks.jsonl", "other/Talks.jsonl", "--rank", "2", "--epochs", "5", "-o", "deep/er/w.yaml");
    const { model, jobs } = workload("deep/er/w.yaml");
    expect(model).toMatchObject({ path: "../../model" });
    expect(
      jobs.map(({ name, data, epochs, adapter }) => [name, "path" in data && data.path, epochs, adapter.rank]),
    ).toEqual([
      ["talks", "../../talks.jsonl", 5, 2],
      ["Talks-2", "../../other/Talks.jsonl", 5, 2],
    ]);
    expect(jobs[1]!.evaluation).toBeUndefined();
  });

  it("takes templates for columns that it does not know", async () => {
    await init("pairs.jsonl", "--prompt", "Q: {{q}}\nA:", "--response", " {{a}}", "-o", "pairs.yaml");
    expect(workload("pairs.yaml").jobs[0]!.data).toEqual({
      ...{ path: "pairs.jsonl", format: "instruction" },
      ...{ prompt: "Q: {{q}}\nA:", response: " {{a}}" },
    });
  });

  it.each([
    [
      "a file that is there",
      ["talks.jsonl"],
      /^Expected a file that is not there yet at --output, got "workload\.yaml"\.\n/,
    ],
    ["no data", ["none.jsonl"], /^Expected a data file at none\.jsonl, /],
    ["columns that it does not know", ["pairs.jsonl"], /pairs\.jsonl:1: Expected a record whose format can be told/],
    [
      "a rank that no workload has",
      ["talks.jsonl", "--rank", "5000"],
      /^Expected a number of at most 1024 at defaults\.adapter\.rank, /,
    ],
    ["half of the templates", ["pairs.jsonl", "--prompt", "{{q}}"], /^Expected --response beside --prompt/],
  ])("refuses %s, and writes nothing", async (_, given, message) => {
    const output = given.length === 1 && given[0] === "talks.jsonl" ? [] : ["-o", "refused.yaml"];
    const { code, stderr } = await runCli(["init", ...given, "--model", "model", ...output], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
    expect(existsSync(at("refused.yaml"))).toBe(false);
  });

  it("replaces a file where it is told to, but not its data", async () => {
    await init("talks.jsonl", "--overwrite");
    const { code, stderr } = await runCli(
      ["init", "talks.jsonl", "--model", "model", "-o", "talks.jsonl", "--overwrite"],
      root,
    );
    expect([code, stderr]).toEqual([2, expect.stringContaining("It would be written over talks.jsonl")]);
  });

  it("says so at --model where that is no model", async () => {
    const { stderr } = await runCli(["init", "talks.jsonl", "--model", "nowhere", "-o", "n.yaml"], root);
    expect(stderr).toMatch(/^Expected a model folder at --model, /);
  });
});
