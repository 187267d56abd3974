// @module-tag slow

import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");
const at = (...names: readonly string[]): string => path.join(root, ...names);

const STEPS = 150;
/** No loss betters another by a half: the fourth evaluation is the third without a betterment. */
const EARLY = { warmupSteps: 1, minDelta: 0.5, divergence: false, plateau: false, patience: 3 };
const MADE = 40;

function writeWorkload(): void {
  const evaluation = { share: 0.2, everySteps: 10 };
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: STEPS, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  const jobs = [
    { name: "long", seed: 1, evaluation },
    { name: "early", seed: 2, evaluation, earlyStopping: EARLY },
    { name: "plain", seed: 3, optimizer: { maxGradNorm: 0.5 } },
  ];
  const write = (file: string, given: readonly object[]): void =>
    writeFileSync(
      at(file),
      JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs: given }),
    );
  write("work.json", jobs);
  write(
    "whole.json",
    jobs.map(({ earlyStopping: _stops, ...job }) => job),
  );
}

/** By file, all adapters and best adapters of a run. */
function adapters(folder: string): Readonly<Record<string, string>> {
  const files = ["adapters", "best"].flatMap((within) =>
    existsSync(at(folder, within)) ? readdirSync(at(folder, within)).map((job) => path.join(within, job)) : [],
  );
  return Object.fromEntries(
    files.map((file) => [file, readFileSync(at(folder, file, "adapter_model.safetensors")).toString("base64")]),
  );
}

/** Lines of metrics by job, without the time that they took. */
function metrics(folder: string): readonly string[] {
  const lines = readFileSync(at(folder, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines
    .map((line) => JSON.parse(line))
    .map(({ seconds: _seconds, spent: _spent, ...line }) => JSON.stringify(line))
    .sort();
}

const numLines = (folder: string): number => {
  const file = at(folder, "metrics.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
};

const WAYS = [
  ["own", ["--devices", "cpu:0,cpu:1", "--no-fuse"]],
  ["shared", ["--devices", "cpu:0,cpu:1", "--groups", "1"]],
  ["one", ["--devices", "cpu:0"]],
] as const;

beforeAll(async () => {
  await writeSmallInputs(root);
  writeWorkload();
  for (const [how, options] of WAYS) {
    await printed(["plan", "work.json", ...options, "--pipelines", "1", "-o", `${how}.json`], root);
    await printed(["train", `${how}.json`, "-o", how, "--no-cache"], root);
  }
}, 300_000);

describe.each(WAYS)("a job of a plan that its losses stop, micro-batches: %s", (how, options) => {
  const lineOf = (text: string, start: string): readonly string[] =>
    text
      .split("\n")
      .find((line) => line.startsWith(start))!
      .trim()
      .split(/\s+/);

  it("has its adapter and its steps, and the others are as without its end", async () => {
    await printed(["train", "whole.json", ...options, "--pipelines", "1", "-o", `${how}-whole`, "--no-cache"], root);
    const [own, whole] = [adapters(how), adapters(`${how}-whole`)];
    for (const file of Object.keys(whole)) if (!file.endsWith("early")) expect(own[file]).toBe(whole[file]);
    expect(Object.keys(own)).toEqual(Object.keys(whole));
    expect(own["adapters/early"]).not.toBe(whole["adapters/early"]);
    const isOf = (line: string): boolean => JSON.parse(line).job !== "early" || JSON.parse(line).step < MADE;
    expect(metrics(how)).toEqual(metrics(`${how}-whole`).filter(isOf));
    const journal = readFileSync(at(how, "journal.jsonl"), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const ends = journal.filter(({ event }) => event === "job ended");
    expect(ends[0]).toMatchObject({
      job: "early",
      stopped: { step: MADE - 1, why: expect.stringContaining("in a row") },
    });
    expect(ends.length).toBe(3);
  });

  it("is told so by whoever looks at the run", async () => {
    const again = ["train", `${how}.json`, "-o", how, "--no-cache", "--overwrite"];
    const { code, stdout, stderr } = await runCli(again, root);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `^early was stopped early at step ${MADE} of ${STEPS}: 3 evaluations in a row .* iteration 10; best [\\d.]+ at step \\d+$`,
        "m",
      ),
    );
    expect(lineOf(stdout, "early ")[1]).toBe(`${MADE}`);
    expect(lineOf(stdout, "long ")[1]).toBe(`${STEPS}`);
    expect(stderr).toMatch(/early is stopped early at step 40 of 150/);
    expect(await printed(["watch", how], root)).toMatch(
      /^100 % of 340 steps[\s\S]*early +40 of 150 .* stopped: early, 3 evaluations/,
    );
    expect((await runCli(["validate", how], root)).stderr).toMatch(/early was stopped early, after step 40/);
    expect((await runCli(["check-run", how], root)).code).toBe(0);
    await printed(["report", how, "-o", `${how}.html`], root);
    expect(await printed(["reproduce", how], root)).toMatch(/early +40 +same bytes/);
  });

  it("is simulated as it was stopped", async () => {
    const { stderr } = await runCli(["simulate", `${how}.json`, "-o", `${how}-trace.json`], root);
    expect(stderr).toMatch(/all steps of early are planned; `train` ends them early/);
    const { stdout } = await runCli(["compare", `${how}-trace.json`, how, "--json"], root);
    const { simulated, perKind } = JSON.parse(stdout);
    const whole = JSON.parse(await printed(["simulate", `${how}.json`, "--json"], root));
    if (how === "own") {
      // On two stages two micro-batches a step of each job.
      expect(perKind.F.count).toBe(4 * (2 * STEPS + MADE));
      expect(simulated.makespanSeconds).toBeLessThan(whole.makespanSeconds);
    }
    await printed(["replay", how], root);
  });

  it.each([10, 120, 300])(
    "ends with the same bytes where the run is killed after %i lines, and gone on with",
    async (lines) => {
      const folder = `${how}-killed-${lines}`;
      const often = ["--no-cache", "--checkpoint-steps", "15"];
      const child = spawn(process.execPath, [program, "train", `${how}.json`, "-o", folder, ...often], { cwd: root });
      const ended = new Promise((resolve) => child.once("exit", resolve));
      while (child.exitCode === null && numLines(folder) < lines) await sleep(2);
      child.kill("SIGKILL");
      await ended;
      // A fast machine may be done before it is killed.
      if (readFileSync(at(folder, "journal.jsonl"), "utf8").includes('"event":"ended"')) return;
      const { code, stderr, stdout } = await runCli(["resume", folder, ...often], root);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(/^early was stopped early at step 40 of 150/m);
      expect(adapters(folder)).toEqual(adapters(how));
      expect(metrics(folder)).toEqual(metrics(how));
      await printed(["validate", folder], root);
      await printed(["report", folder, "-o", "resumed.html"], root);
    },
  );
});
