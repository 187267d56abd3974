// @module-tag slow

import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { createRng } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import { isNightly } from "../level.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");
const at = (...names: readonly string[]): string => path.join(root, ...names);

const JOBS = ["first", "second", "third"] as const;

/** Three jobs, the last one short; a run of some seconds, or of a tenth of one. */
function writeWorkload(file: string, steps: number): void {
  const jobs = JOBS.map((name, job) => ({
    name,
    steps: name === "third" ? 3 : steps,
    data: { path: "rows.jsonl", format: "tokens" },
    batchSize: 4,
    microBatchSize: 2,
    seed: job,
    adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] },
  }));
  writeFileSync(at(file), JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, jobs }));
}

beforeAll(async () => {
  await writeSmallInputs(root);
  writeFileSync(
    at("costs.json"),
    JSON.stringify({
      kind: "calibration",
      version: 1,
      model: "constant",
      seconds: { F: 0.001, B: 0.002, transfer: 0, update: 0 },
    }),
  );
  writeWorkload("long.json", 2000);
  writeWorkload("short.json", 6);
  for (const name of ["long", "short"])
    await printed(
      ["plan", `${name}.json`, "--devices", "cpu:0,cpu:1", "--calibration", "costs.json", "-o", `${name}.plan.json`],
      root,
    );
}, 120_000);

/** Starts a run as a process of its own, and waits until it has made some steps. */
async function started(folder: string, steps = 1): Promise<ChildProcess> {
  const child = spawn(process.execPath, [program, "train", "long.plan.json", "-o", folder, "--no-cache"], {
    cwd: root,
  });
  for (;;) {
    const file = at(folder, "metrics.jsonl");
    if (existsSync(file) && readFileSync(file, "utf8").split("\n").length > steps) return child;
    if (child.exitCode !== null) throw new Error(`the run ended with ${child.exitCode}`);
    await sleep(10);
  }
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) resolve(child.exitCode);
    else child.once("exit", (code) => resolve(code));
  });
}

describe("a run that somebody ends", () => {
  it("with one Ctrl-C ends after the mini-batches that have begun, with exit code 130 and a folder of what there is", async () => {
    const child = await started("asked", 20);
    let said = "";
    child.stderr!.on("data", (text) => {
      said += text;
    });
    child.kill("SIGINT");
    expect(await ended(child)).toBe(130);
    expect(said).toContain("Ends after the mini-batches that have begun; Ctrl-C again ends at once.");
    expect(readdirSync(at("asked")).sort()).toEqual([
      "adapters",
      "checkpoints",
      "journal.jsonl",
      "metrics.jsonl",
      "plan.json",
      "trace.json",
    ]);
    expect(readdirSync(at("asked", "adapters")).sort()).toEqual([...JOBS].sort());
    const events = readFileSync(at("asked", "journal.jsonl"), "utf8")
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).event);
    expect(events).toEqual(["started", "ready", "job ended", "asked to end", "checkpoint", "ended early"]);

    const { code, stderr, stdout } = await runCli(["validate", "asked"], root);
    expect([code, stdout]).toEqual([0, "asked: valid run folder\n"]);
    expect(stderr).toMatch(
      /^Note: the run was ended early: \d+ of 4003 steps, 1 of 3 jobs done; all that is said is of these steps\.\n$/,
    );
    expect(await printed(["replay", "asked"], root)).toContain("replay with the executed durations");
    await printed(["simulate", "long.plan.json", "-o", "long.trace.json"], root);
    const compared = JSON.parse(
      await printed(["compare", "long.trace.json", "asked", "--json", "-o", "asked.html"], root),
    );
    const steps = readFileSync(at("asked", "metrics.jsonl"), "utf8").trim().split("\n").length;
    // On two stages; the third job's steps are in mini-batches of another one.
    expect(compared.perKind.U.count).toBe(2 * (steps - 3));
    await printed(["report", "asked", "-o", "asked.html"], root);
    const view = JSON.parse(await printed(["watch", "asked", "--json"], root));
    expect(view).toMatchObject({ state: "ended early", doneSteps: steps, steps: 4003, secondsLeft: null });
    expect(view.jobs[2]).toMatchObject({ name: "third", doneSteps: 3, steps: 3, ended: true });
  }, 300_000);

  it("with two ends at once, and leaves a folder that is read up to its last whole line", async () => {
    const child = await started("twice");
    child.kill("SIGTERM");
    child.kill("SIGINT");
    expect(await ended(child)).toBe(130);
    expect((await runCli(["validate", "twice"], root)).code).toBe(0);
  }, 300_000);

  it("in a terminal leaves the cursor and the line wrap as they are", async () => {
    const command = `${process.execPath} ${program} train long.plan.json -o terminal --no-cache`;
    const child = spawn("script", ["-q", "-e", "-c", command, "/dev/null"], { cwd: root });
    let shown = "";
    child.stdout.on("data", (text) => {
      shown += text;
    });
    while (!shown.includes("tokens/s")) await sleep(20);
    child.stdin.write("\u0003");
    expect(await ended(child)).toBe(130);
    for (const code of ["\u001b[?25", "\u001b[?7"]) expect(shown).not.toContain(code);
    expect(shown).toContain("ended early: ");
  }, 300_000);
});

it("a run that is killed at any moment leaves a folder that is valid up to its last whole line", async () => {
  const rng = createRng("killed");
  for (let kill = 0; kill < (isNightly ? 20 : 1); kill += 1) {
    const child = await started("killed");
    await sleep(rng.nextInt(150));
    child.kill("SIGKILL");
    await ended(child);
    const { code, stderr } = await runCli(["validate", "killed"], root);
    expect([code, stderr]).toEqual([0, expect.stringMatching(/^Note: the run is unfinished: \d+ of 4003 steps/)]);
  }
  const child = await started("killed", 20);
  await sleep(100);
  child.kill("SIGKILL");
  await ended(child);
  // A line that was not written whole.
  appendFileSync(at("killed", "metrics.jsonl"), '{"gradNorm":0.1');
  appendFileSync(at("killed", "completions.jsonl"), "[0,");
  expect((await runCli(["validate", "killed"], root)).code).toBe(0);
  const { doneSteps, state } = JSON.parse(await printed(["watch", "killed", "--json"], root));
  expect(state).toBe("unfinished");
  expect(doneSteps).toBeGreaterThan(0);
  await printed(["replay", "killed"], root);
  await printed(["report", "killed", "-o", "killed.html"], root);
}, 600_000);

it("a finished run is kept unless it is to be overwritten, and an unfinished one begins anew", async () => {
  const train = ["train", "short.plan.json", "-o", "kept", "--no-cache"];
  await printed(train, root);
  const { code, stderr } = await runCli(train, root);
  expect(code).toBe(2);
  expect(stderr).toContain('Expected a folder without a run at --output, got "kept".');
  await printed([...train, "--overwrite"], root);
  rmSync(at("kept", "trace.json"));
  await printed(train, root);
  expect(readdirSync(at("kept")).sort()).toEqual([
    "adapters",
    "journal.jsonl",
    "metrics.jsonl",
    "plan.json",
    "trace.json",
  ]);
  const text = await printed(["watch", "kept"], root);
  expect(text).toMatch(/^100 % of 15 steps, \d+ tokens\/s, ended\n/);
  expect(text).toMatch(/third +3 of 3 +\d\.\d{3} +[▁-█ ]+ +done/);
}, 300_000);
