// @module-tag slow

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { initModel } from "../../datasets/index.ts";
import { packageFile } from "../../files/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);

const DATASETS = [
  { path: "sums.jsonl", onBadRow: "skip", weight: 2 },
  { path: "story.txt", overlap: 8 },
  { path: "talks.jsonl", weight: 0.5 },
];

function writeWorkload(name: string, data: object, steps: object = { epochs: 2 }): void {
  const adapter = { rank: 2, alpha: 2, targets: ["q_proj"], dropout: 0.1 };
  const defaults = { adapter, batchSize: 4, ...steps, cutoffLength: 64, evaluation: { share: 0.1, everySteps: 20 } };
  const jobs = [
    { name: "all", data: { datasets: DATASETS } },
    { name: "drawn", data: { datasets: DATASETS, mix: "interleave", stopping: "all_exhausted", ...data } },
  ];
  writeFileSync(at(name), JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs }));
}

beforeAll(() => {
  initModel({ folder: at("model"), hiddenSize: 8, layers: 1, heads: 1, seed: 0 });
  const lines = (length: number, of: (row: number) => object | string): string =>
    Array.from({ length }, (_, row) => (typeof of(row) === "string" ? of(row) : JSON.stringify(of(row)))).join("\n");
  writeFileSync(
    at("sums.jsonl"),
    lines(30, (row) => (row === 4 ? "{" : { question: `${row} + 1?`, answer: `${row + 1}` })),
  );
  writeFileSync(at("story.txt"), "The quick brown fox jumps over the lazy dog. ".repeat(40));
  const talk = (row: number) => [
    { role: "user", content: `hi ${row}` },
    { role: "assistant", content: `ho ${row}` },
  ];
  writeFileSync(
    at("talks.jsonl"),
    lines(10, (row) => ({ messages: talk(row) })),
  );
  writeWorkload("w.json", {});
});

describe("a job with several data sets", () => {
  it("says of each its rows, held-out ones, tokens and share", async () => {
    const { jobs } = JSON.parse(await printed(["data", "w.json", "--json"], root));
    expect(jobs[0].sets).toMatchObject([
      { file: "sums.jsonl", numRows: 29, numHeldOut: 3, tokens: 853 },
      { file: "story.txt", numRows: 33, numHeldOut: 3 },
      { file: "talks.jsonl", numRows: 10, numHeldOut: 1 },
    ]);
    const shares = jobs[0].sets.map(({ share }: { readonly share: number }) => share);
    expect(shares.reduce((sum: number, share: number) => sum + share, 0)).toBeCloseTo(1);
    const { stderr, code } = await runCli(["validate", "w.json"], root);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/story\.txt: 33 rows \(3 held out\), 2058 tokens, \d/)]);
  });

  it("trains, from a workload and from its plan, what it trains after a kill", { timeout: 120_000 }, async () => {
    writeWorkload("long.json", {}, { steps: 400 });
    await printed(["plan", "long.json", "--devices", "cpu:0", "-o", "plan.json"], root);
    await printed(["simulate", "plan.json"], root);
    await printed(["train", "plan.json", "-o", "whole"], root);
    const program = packageFile("dist", "cli", "main.js");
    const words = ["train", "plan.json", "-o", "killed", "--checkpoint-steps", "50", "--no-cache"];
    const child = spawn(process.execPath, [program, ...words], { cwd: root });
    const lines = (): number =>
      existsSync(at("killed/metrics.jsonl")) ? readFileSync(at("killed/metrics.jsonl"), "utf8").split("\n").length : 0;
    while (child.exitCode === null && lines() < 200) await sleep(5);
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    await printed(["resume", "killed", "--no-cache"], root);
    for (const name of ["all", "drawn"]) {
      const file = `adapters/${name}/adapter_model.safetensors`;
      expect(readFileSync(at("killed", file)).equals(readFileSync(at("whole", file)))).toBe(true);
    }
    // Other weights take other rows: nothing goes on from there.
    writeWorkload("other.json", { datasets: DATASETS.map((set) => ({ ...set, weight: 1 })) }, { steps: 400 });
    expect((await runCli(["resume", "killed", "other.json"], root)).code).toBe(2);
  });

  it.each<[object, RegExp]>([
    [{ datasets: [] }, /data\.datasets/],
    [{ datasets: [{ path: "sums.jsonl", weight: 0 }] }, /data\.datasets\[0\]\.weight/],
    [{ datasets: [{ path: "sums.jsonl", shuffle: true }] }, /shuffle/],
    [{ datasets: [{ path: "nowhere.jsonl" }] }, /a data file at jobs\[1\]\.data\.datasets\[0\]\.path/],
    [{ datasets: [{ path: "sums.jsonl" }] }, /sums\.jsonl:5:2: Expected JSON/],
    [{ path: "sums.jsonl" }, /path/],
    [{ mix: "concatenate" }, /mix: interleave beside stopping/],
    [{ mix: "sum" }, /data\.mix/],
    [{ stopping: "never" }, /data\.stopping/],
  ])("is refused with %j", async (data, message) => {
    writeWorkload("bad.json", data);
    const { stderr, code } = await runCli(["validate", "bad.json"], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
