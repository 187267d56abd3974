// @module-tag slow
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { runCli, temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";

const root = temporaryFolder();

beforeAll(() => writeSmallInputs(root));

/** A workload of one job in a folder of its own. */
function workload(name: string, job: object, model: object = { path: "../model" }): string {
  const folder = path.join(root, name);
  mkdirSync(folder);
  const whole = { name: "only", data: { path: "../rows.jsonl" }, batchSize: 2, steps: 2, cutoffLength: 32, ...job };
  writeFileSync(path.join(folder, "w.json"), JSON.stringify({ kind: "workload", version: 1, model, jobs: [whole] }));
  return folder;
}

function rows(folder: string, ...lines: readonly (readonly number[])[]): void {
  writeFileSync(path.join(folder, "d.jsonl"), lines.map((ids) => `${JSON.stringify({ input_ids: ids })}\n`).join(""));
}

const TRAIN = ["train", "w.json", "--devices", "cpu:0", "-o", "run"] as const;
const OWN = { data: { path: "d.jsonl", format: "tokens" } };

describe("what is small or large works, or is refused clearly", () => {
  it.each([1, 512])("rank %i trains", async (rank) => {
    const folder = workload(`rank${rank}`, { adapter: { rank } });
    const { code, stderr } = await runCli(TRAIN, folder);
    expect(stderr).not.toMatch(/Expected/);
    expect(code).toBe(0);
    expect(existsSync(path.join(folder, "run/adapters/only/adapter_model.safetensors"))).toBe(true);
  });

  it("rows of one token are refused where there are no others: nothing is scored", async () => {
    const folder = workload("one-token", OWN);
    rows(folder, [1], [2], [3]);
    const { code, stderr } = await runCli(TRAIN, folder);
    expect(stderr).toMatch(/Expected at least one scored token/);
    expect(code).toBe(2);
  });

  it("rows of one token train beside longer ones", async () => {
    const folder = workload("some-of-one-token", OWN);
    rows(folder, [1], [2, 3, 4], [5], [6, 7]);
    const { code, stderr } = await runCli(TRAIN, folder);
    expect(stderr).not.toMatch(/Expected/);
    expect(code).toBe(0);
  });

  it("an empty data set is refused", async () => {
    const folder = workload("empty", OWN);
    rows(folder);
    const { code, stderr } = await runCli(TRAIN, folder);
    expect(stderr).toMatch(/Expected at least one record, got "an empty file"/);
    expect(code).toBe(2);
  });

  it("one layer on four devices is planned on as many as it makes stages of, or refused", async () => {
    const architecture = {
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      vocab_size: 256,
    };
    const folder = workload("one-layer", { data: { lengths: 16 } }, { architecture });
    const { code, stdout, stderr } = await runCli(["plan", "w.json", "--devices", "unit*4", "--json"], folder);
    if (code === 0) expect((JSON.parse(stdout) as { stages: readonly unknown[] }).stages.length).toBeGreaterThan(0);
    else {
      expect(code).toBe(2);
      expect(stderr).toMatch(/Expected .*(?:layer|device|stage)/);
    }
  });

  it("rows of 32 768 tokens are planned and simulated where the model has as many positions", async () => {
    const architecture = {
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 2,
      vocab_size: 256,
      max_position_embeddings: 32_768,
    };
    const long = { data: { lengths: 32_768 }, cutoffLength: 32_768 };
    const folder = workload("long", long, { architecture });
    const { code, stderr } = await runCli(["simulate", "w.json", "--devices", "unit*2"], folder);
    expect(stderr).not.toMatch(/Expected/);
    expect(code).toBe(0);
    const short = workload("too-long", long, { architecture: { ...architecture, max_position_embeddings: 16_384 } });
    const refused = await runCli(["simulate", "w.json", "--devices", "unit*2"], short);
    expect(refused.stderr).toMatch(/at most 16384, the model's positions/);
    expect(refused.code).toBe(2);
  });
});
