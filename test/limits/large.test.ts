// @module-tag nightly
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, it } from "vitest";
import { runCli, temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";

const root = temporaryFolder();

beforeAll(() => writeSmallInputs(root));

function folderOf(name: string, workload: object): string {
  const folder = path.join(root, name);
  mkdirSync(folder);
  writeFileSync(path.join(folder, "w.json"), JSON.stringify({ kind: "workload", version: 1, ...workload }));
  return folder;
}

const HALF_AN_HOUR = 1_800_000;

it(
  "a workload of 10 000 adapters is read, and simulated as jobs that come over time",
  async () => {
    const jobs = Array.from({ length: 10_000 }, (_, index) => ({ name: `job${index}`, arrivalSeconds: index }));
    const folder = folderOf("adapters", {
      model: { architecture: "llama-2-7b", dtype: "bfloat16" },
      defaults: { batchSize: 4, steps: 2, data: { lengths: 32, samples: 8 } },
      jobs,
    });
    const { code, stderr } = await runCli(["simulate", "w.json", "--devices", "unit*2", "--policy", "fifo"], folder);
    expect(stderr).not.toMatch(/Expected/);
    expect(code).toBe(0);
  },
  HALF_AN_HOUR,
);

it(
  "a data set of a million rows trains",
  async () => {
    const folder = folderOf("rows", {
      model: { path: "../model" },
      jobs: [{ name: "only", data: { path: "d.jsonl", format: "tokens" }, batchSize: 8, steps: 4, cutoffLength: 16 }],
    });
    writeFileSync(path.join(folder, "d.jsonl"), '{"input_ids":[1,2,3,4,5]}\n'.repeat(1e6));
    const { code, stderr } = await runCli(["train", "w.json", "--devices", "cpu:0", "-o", "run"], folder);
    expect(stderr).not.toMatch(/Expected/);
    expect(code).toBe(0);
  },
  HALF_AN_HOUR,
);

it(
  "a row of 32 768 tokens trains",
  async () => {
    const shape = ["--hidden-size", "32", "--layers", "1", "--heads", "1", "--max-positions", "32768"];
    expect((await runCli(["init-model", "long", ...shape], root)).code).toBe(0);
    const folder = folderOf("tokens", {
      model: { path: "../long" },
      jobs: [
        { name: "only", data: { path: "d.jsonl", format: "tokens" }, batchSize: 1, steps: 1, cutoffLength: 32_768 },
      ],
    });
    const ids = Array.from({ length: 32_768 }, (_, index) => index % 250);
    writeFileSync(path.join(folder, "d.jsonl"), `${JSON.stringify({ input_ids: ids })}\n`);
    const { code, stderr } = await runCli(["train", "w.json", "--devices", "cpu:0", "-o", "run"], folder);
    expect(stderr).not.toMatch(/Expected/);
    expect(code).toBe(0);
  },
  HALF_AN_HOUR,
);
