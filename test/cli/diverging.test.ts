import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);
const STEPS = 500;

function workload(names: readonly string[]): string {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: STEPS, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  const jobs = names.map((name) => (name === "broken" ? { name, optimizer: { learningRate: 1e10 } } : { name }));
  return JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs });
}

function adapterOf(folder: string, job: string): Buffer {
  return readFileSync(at(folder, "adapters", job, "adapter_model.safetensors"));
}

function linesOf(folder: string): readonly { readonly job: string; readonly loss: number | null }[] {
  return readFileSync(at(folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

beforeAll(async () => {
  await writeSmallInputs(root);
  writeFileSync(at("both.json"), workload(["good", "broken"]));
  writeFileSync(at("good.json"), workload(["good"]));
  await printed(["train", "good.json", "--devices", "cpu:0", "-o", "alone"], root);
}, 120_000);

describe("a job whose loss is no number any more", () => {
  it("is trained to its end by train, and the others keep their adapters", async () => {
    const { code, stderr } = await runCli(["train", "both.json", "--devices", "cpu:0", "-o", "both"], root);
    expect(code, stderr).toBe(0);
    expect(adapterOf("both", "good").equals(adapterOf("alone", "good"))).toBe(true);
    const broken = linesOf("both").filter(({ job }) => job === "broken");
    expect(broken.length).toBe(STEPS);
    expect(broken.at(-1)!.loss).toBeNull();
    for (const command of [
      ["report", "both", "-o", "both.html"],
      ["validate", "both"],
      ["watch", "both"],
    ])
      await printed(command, root);
  });

  it("is stopped by serve though nobody asked for early stops, and the others keep their adapters", async () => {
    const serve = ["serve", "both.json", "--devices", "cpu:0", "-o", "live", "--once"];
    const { code, stderr } = await runCli(serve, root);
    expect(code, stderr).toBe(0);
    expect(adapterOf("live", "good").equals(adapterOf("alone", "good"))).toBe(true);
    expect(linesOf("live").filter(({ job }) => job === "broken").length).toBeLessThan(STEPS);
    expect(await printed(["explain", "live", "broken"], root)).toMatch(/its training loss is (NaN|Infinity)/);
    for (const command of [
      ["report", "live", "-o", "live.html"],
      ["validate", "live"],
    ])
      await printed(command, root);
  });
});
