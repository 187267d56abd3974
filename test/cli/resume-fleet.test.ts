// @module-tag slow
import { type ChildProcess, spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRng } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import { findResumable } from "../../runs/index.ts";
import type { JobStatus } from "../../server/index.ts";
import { isNightly, someOf } from "../level.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");
const at = (...names: readonly string[]): string => path.join(root, ...names);

/** Five jobs that come while others train, with all that training has a state of, and one that makes way. */
const JOBS = [
  { name: "first", steps: 260, seed: 1, evaluation: { share: 0.2, everySteps: 7, keepBest: true } },
  { name: "second", steps: 160, seed: 2, batchSize: 6, arrivalSeconds: 0.1 },
  { name: "third", steps: 60, seed: 3, arrivalSeconds: 0.3, priority: 5 },
  { name: "fourth", steps: 200, seed: 4, arrivalSeconds: 0.4 },
  { name: "late", steps: 40, seed: 5, arrivalSeconds: 0.9 },
];

function workloadOf(jobs: readonly object[]): string {
  const adapter = { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] };
  const complete = jobs.map((job, index) => ({
    data: { path: "rows.jsonl", format: "tokens" },
    batchSize: 4,
    microBatchSize: 2,
    adapter: { ...adapter, dropout: index === 1 ? 0.1 : 0 },
    optimizer: index === 2 ? { maxGradNorm: 0.5 } : { schedule: { name: "cosine", warmupSteps: 5 } },
    ...job,
  }));
  return JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, jobs: complete });
}

const CONSTANT = { F: 0.001, B: 0.002, transfer: 0, update: 0 };
const DEVICES = ["--devices", "cpu:0,cpu:1", "--pipelines", "1", "--jobs-at-once", "2"];
const OPTIONS = [...DEVICES, "--calibration", "costs.json", "--no-cache"];
const ONCE = [...OPTIONS, "--once"];
const OFTEN = ["--checkpoint-steps", "25"];

beforeAll(async () => {
  await writeSmallInputs(root);
  writeFileSync(at("work.json"), workloadOf(JOBS));
  writeFileSync(
    at("costs.json"),
    JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds: CONSTANT }),
  );
  await printed(["serve", "work.json", "-o", "whole", ...ONCE], root);
}, 120_000);

const children: ChildProcess[] = [];
/** On stderr. */
const said = new Map<ChildProcess, string>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
});

/** A fleet as a process of its own. */
function started(...args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [program, ...args, "--debug"], { cwd: root });
  child.stderr.setEncoding("utf8").on("data", (text: string) => said.set(child, `${said.get(child) ?? ""}${text}`));
  children.push(child);
  return child;
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once("exit", resolve));
  return child.exitCode;
}

/** Whether it was there still. */
async function killed(child: ChildProcess): Promise<boolean> {
  child.kill("SIGKILL");
  await ended(child);
  return child.signalCode === "SIGKILL";
}

function textOf(...names: readonly string[]): string {
  return existsSync(at(...names)) ? readFileSync(at(...names), "utf8") : "";
}

const numLines = (folder: string): number => textOf(folder, "metrics.jsonl").split("\n").length - 1;

/** Waits until something is so, or the process is over; whether it is so. */
async function until(child: ChildProcess, isSo: () => boolean): Promise<boolean> {
  while (child.exitCode === null && !isSo()) await sleep(5);
  return isSo();
}

/** All adapters and best adapters of a fleet, as bytes. */
function adapters(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ["adapters", "best"]
      .filter((within) => existsSync(at(folder, within)))
      .flatMap((within) =>
        readdirSync(at(folder, within)).map((name) => [
          `${within}/${name}`,
          readFileSync(at(folder, within, name, "adapter_model.safetensors")).toString("base64"),
        ]),
      ),
  );
}

/** Metrics of a fleet without the times, sorted. */
function metrics(folder: string): readonly string[] {
  const lines = textOf(folder, "metrics.jsonl").trimEnd().split("\n");
  return lines.map((line) => JSON.stringify({ ...JSON.parse(line), seconds: 0, spent: 0 })).sort();
}

function expectSame(folder: string, whole = "whole"): void {
  expect(adapters(folder)).toEqual(adapters(whole));
  expect(metrics(folder)).toEqual(metrics(whole));
}

function eventsOf(folder: string, event: string): readonly Readonly<Record<string, unknown>>[] {
  const lines = textOf(folder, "journal.jsonl").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line)).filter((line) => line.event === event);
}

const KILLS = isNightly ? 4 : 1;

describe("a fleet that is killed at any moment", () => {
  it("goes on each time and ends with the same bytes, losses and evaluations", async () => {
    const rng = createRng("moments of a fleet");
    const folder = "killed";
    let child = started("serve", "work.json", "-o", folder, ...ONCE, ...OFTEN);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const least = numLines(folder) + 1 + rng.nextInt(200);
      if (!(await until(child, () => numLines(folder) >= least))) break;
      await sleep(rng.nextInt(100));
      if (!(await killed(child))) break;
      await printed(["validate", folder, "--quiet"], root);
      child = started("resume", folder, "work.json", ...ONCE, ...OFTEN);
    }
    expect(await ended(child), said.get(child)).toBe(0);
    expectSame(folder);
    // Setting, plan, reports, decisions made again, adapters.
    await printed(["validate", folder], root);
    expect(eventsOf(folder, "resumed").length).toBe(KILLS);
    const told = await printed(["report", folder, "-o", "killed.html", "--json"], root);
    expect(JSON.parse(told)).toMatchObject({ state: "ended", jobs: JOBS.length, sameDecisions: null });
    expect(await printed(["explain", folder, "first"], root)).toMatch(/the fleet was cut off/);
  }, 120_000);

  it("has no steps twice or out of its clock, and loses at most what came after a checkpoint", () => {
    const skipped = eventsOf("killed", "resumed").flatMap((line) => line["skipped"]);
    expect(skipped).toEqual([]);
    const times = eventsOf("killed", "ready").map((line) => (line["atNs"] as number | undefined) ?? 0);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe("a fleet that is killed when a job has come, before that is decided on", () => {
  it("has the job again, whichever it is", { retry: 2, timeout: 120_000 }, async () => {
    const folder = `undecided-${Math.round(performance.now())}`;
    const child = started("serve", "work.json", "-o", folder, ...ONCE, "--checkpoint-steps", "100000");
    const arrivals = (): readonly number[] =>
      textOf(folder, "journal.jsonl")
        .split("\n")
        .flatMap((line, index) => (line.includes('"kind":"arrived"') ? [index] : []));
    expect(await until(child, () => arrivals().length >= 3)).toBe(true);
    expect(await killed(child)).toBe(true);
    const lines = textOf(folder, "journal.jsonl").split("\n");
    for (const [job, line] of someOf([...arrivals().entries()], { quick: 1, all: 1 })) {
      const cut = `${folder}-${job}`;
      cpSync(at(folder), at(cut), { recursive: true, filter: (file) => !lstatSync(file).isSocket() });
      writeFileSync(at(cut, "journal.jsonl"), `${lines.slice(0, line).join("\n")}\n`);
      await printed(["resume", cut, "work.json", ...ONCE], root);
      expectSame(cut);
      await printed(["validate", cut], root);
    }
  });
});

describe("a fleet that is ended", () => {
  const folder = "ended";

  it("writes adapters as they are and a checkpoint, and ends with the same bytes when it goes on", async () => {
    const child = started("serve", "work.json", "-o", folder, ...ONCE);
    let stderr = "";
    child.stderr!.on("data", (text) => {
      stderr += text;
    });
    expect(await until(child, () => numLines(folder) >= 250)).toBe(true);
    child.kill("SIGINT");
    expect(await ended(child), stderr).toBe(130);
    expect(stderr).toMatch(/Ends with a checkpoint after the iterations that are queued/);
    expect(stderr).toMatch(/`loratwin resume ended work\.json` goes on, with the same options/);
    expect(eventsOf(folder, "checkpoint")).toHaveLength(1);
    const before = numLines(folder);
    const { checkpoint } = findResumable({ cwd: root }, folder).found;
    expect(Object.keys(adapters(folder)).length).toBeGreaterThan(0);
    // Every step that was made is in the checkpoint or in an adapter.
    const { code, stderr: told } = await runCli(["resume", folder, "work.json", ...ONCE, "--debug"], root);
    expect(code, told).toBe(0);
    expect(told).toMatch(/goes on from checkpoint step-\d+: jobs left \d, over \d/);
    expect(told).toMatch(/^Note: .*: resume /m);
    expect(checkpoint!.jobs.length).toBeGreaterThan(0);
    expectSame(folder);
    const steps = Object.values(eventsOf(folder, "resumed")[0]!["steps"] as Record<string, number>);
    expect(Math.max(...steps)).toBeGreaterThan(0);
    expect(before).toBeLessThan(numLines(folder));
    await printed(["validate", folder], root);
  }, 120_000);

  it("by a notice ends with exit code 75, and goes on on other devices, under another policy", async () => {
    const noticed = "noticed";
    const child = started("serve", "work.json", "-o", noticed, ...ONCE, "--verify-weights");
    expect(await until(child, () => numLines(noticed) >= 150)).toBe(true);
    await printed(["notice", noticed], root);
    expect(await ended(child)).toBe(75);
    const other = ["--devices", "cpu:0", "--calibration", "costs.json", "--no-cache", "--once", "--policy", "fifo"];
    const resume = ["resume", noticed, "work.json", ...other];
    const file = at("model", "model.safetensors");
    const weights = readFileSync(file);
    const changed = Buffer.from(weights);
    changed[changed.length - 3]! ^= 1;
    writeFileSync(file, changed);
    const { code, stderr } = await runCli([...resume, "--verify-weights"], root);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/Expected the weights that the fleet trains on at model/),
    ]);
    writeFileSync(file, weights);
    await printed(resume, root);
    expect(JSON.parse(textOf(noticed, "setting.json")).model.weightsDigest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(adapters(noticed)).toEqual(adapters("whole"));
    expect(eventsOf(noticed, "started").map(({ policy }) => policy)).toEqual(["mlora", "fifo"]);
    await printed(["validate", noticed], root);
    expect(existsSync(at(noticed, "earlier", "1", "segments.jsonl"))).toBe(true);
  }, 120_000);

  it("is not gone on with once all have ended, nor on another model or with another job of a name", async () => {
    const resume = (file: string, name: string) => runCli(["resume", name, file, ...ONCE], root);
    expect((await resume("work.json", folder)).stderr).toMatch(
      /Expected a run that did not get to its end, got "ended"/,
    );
    expect((await resume("work.json", "nothing")).stderr).toMatch(/^nothing: Expected a run folder, got "no such/);
    expect((await runCli(["resume", folder], root)).stderr).toMatch(
      /^Expected the workload of the jobs over time at workload, got "none"\.\nHint: `loratwin resume ended WORKLOAD`/,
    );
  });
});

/** A fleet that takes jobs, and what its clients print. */
async function served(folder: string, ...words: readonly string[]): Promise<ChildProcess> {
  const child = started(...words, ...OPTIONS, ...OFTEN);
  const isThere = (): boolean =>
    existsSync(at(folder, "control.sock")) && eventsOf(folder, "started").at(-1)?.["process"] === child.pid;
  expect(await until(child, isThere)).toBe(true);
  // The socket of a process that was killed is there still.
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await runCli(["jobs", folder], root)).code === 0) return child;
    await sleep(20);
  }
  throw new Error("nobody serves");
}

async function statusOf(folder: string, name: string): Promise<JobStatus> {
  const { jobs } = JSON.parse(await printed(["jobs", folder, "--json"], root)) as { jobs: readonly JobStatus[] };
  return jobs.find((job) => job.name === name)!;
}

async function submit(folder: string, job: Readonly<Record<string, unknown>>): Promise<void> {
  writeFileSync(at(`${job["name"]}.json`), JSON.stringify(job));
  await printed(["submit", folder, `${job["name"]}.json`], root);
}

const SENT = {
  data: { path: "rows.jsonl", format: "tokens" },
  batchSize: 4,
  microBatchSize: 2,
  adapter: { rank: 4, alpha: 8, targets: ["q_proj"] },
};

describe("jobs that were submitted to a fleet that is killed", () => {
  const folder = "sent";
  const one = (): string => JSON.stringify({ ...JSON.parse(workloadOf([{ name: "one", steps: 20 }])) });

  it("are there again, held as they were, with warm starts, and go on", async () => {
    writeFileSync(at("none.json"), one());
    let child = await served(folder, "serve", "none.json", "-o", folder);
    await submit(folder, { name: "base", steps: 30, ...SENT });
    expect(await until(child, () => existsSync(at(folder, "adapters", "base")))).toBe(true);
    await printed(["clone", folder, "base", "warm", "--warm-start"], root);
    await submit(folder, { name: "long", steps: 4000, ...SENT });
    await submit(folder, { name: "gone", steps: 4000, ...SENT, user: "ann" });
    expect(await until(child, () => numLines(folder) > 150)).toBe(true);
    await printed(["pause", folder, "long"], root);
    await printed(["priority", folder, "gone", "3"], root);
    expect(await until(child, () => eventsOf(folder, "checkpoint").length > 2)).toBe(true);
    while ((await statusOf(folder, "long")).standing !== "paused") await sleep(20);
    const { done } = await statusOf(folder, "long");
    await killed(child);
    // As one that was asked for in the moment before.
    const { ask, ...asked } = eventsOf(folder, "asked").find((event) => event["job"] === "gone")!;
    appendFileSync(
      at(folder, "journal.jsonl"),
      `${JSON.stringify({ ...asked, ask: { ...(ask as object), priority: 6 } })}\n`,
    );

    child = await served(folder, "resume", folder, "none.json");
    while ((await statusOf(folder, "long")).standing !== "paused") await sleep(20);
    expect(await statusOf(folder, "long")).toMatchObject({ standing: "paused", iterations: 4000, pipeline: null });
    expect((await statusOf(folder, "long")).done).toBeLessThanOrEqual(done);
    expect(await statusOf(folder, "gone")).toMatchObject({ user: "ann", priority: 6, standing: "running" });
    expect((await statusOf(folder, "base")).adapter).toMatch(/adapters\/base$/);
    // What was paused stays so when the fleet is asked to end.
    child.kill("SIGTERM");
    await ended(child);
    child = await served(folder, "resume", folder, "none.json");
    while ((await statusOf(folder, "long")).standing !== "paused") await sleep(20);
    // One that waits since the fleet was killed leaves its adapter when it is cancelled, as one that was trained does.
    await printed(["cancel", folder, "long"], root);
    expect(await until(child, () => existsSync(at(folder, "adapters", "long")))).toBe(true);
    await printed(["cancel", folder, "gone"], root);
    child.kill("SIGTERM");
    await ended(child);
    await printed(["validate", folder], root);
    expect(existsSync(at(folder, "starts", "warm.safetensors"))).toBe(true);
  }, 120_000);

  it("have the bytes of those that nobody killed: a job that started with another's adapter", async () => {
    const whole = "sent-whole";
    const child = await served(whole, "serve", "none.json", "-o", whole);
    await submit(whole, { name: "base", steps: 30, ...SENT });
    expect(await until(child, () => existsSync(at(whole, "adapters", "base")))).toBe(true);
    await printed(["clone", whole, "base", "warm", "--warm-start"], root);
    expect(await until(child, () => existsSync(at(whole, "adapters", "warm")))).toBe(true);
    child.kill("SIGTERM");
    await ended(child);
    for (const name of ["adapters/base", "adapters/warm"])
      expect(adapters(folder)[name]).toEqual(adapters(whole)[name]);
  }, 120_000);
});

describe("a sweep that is halved in a fleet that is killed", () => {
  const RATES = [1e-6, 1e-3, 0.02, 0.05];
  const halving = { firstRows: 80, eta: 2, over: 3, synchronous: true };
  const sweep = { grid: { optimizer: { learningRate: RATES } }, halving };
  const sweeps = { name: "rate", steps: 160, optimizer: {}, sweep };

  it("is halved to the same jobs, and the best one has the same bytes", async () => {
    writeFileSync(at("sweep.json"), workloadOf([sweeps]));
    const whole = JSON.parse(await printed(["serve", "sweep.json", "-o", "sweep-whole", ...ONCE, "--json"], root));
    const folder = "sweep";
    let child = started("serve", "sweep.json", "-o", folder, ...ONCE, ...OFTEN);
    for (const least of [60, 120]) {
      if (!(await until(child, () => numLines(folder) >= least)) || !(await killed(child))) break;
      child = started("resume", folder, "sweep.json", ...ONCE, ...OFTEN);
    }
    expect(await ended(child), said.get(child)).toBe(0);
    const standings = (told: readonly JobStatus[]): readonly string[] =>
      told.map((job) => `${job.name} ${job.standing}`);
    const verdicts = eventsOf(folder, "halving").filter(({ verdict }) => verdict === "stop");
    expect(new Set(verdicts.map(({ job }) => job)).size).toBe(3);
    const best = whole.jobs.find((job: JobStatus) => job.standing === "ended").name;
    expect(standings(whole.jobs).filter((each) => each.endsWith(" stopped"))).toHaveLength(3);
    expect(verdicts.map(({ job }) => job)).not.toContain(best);
    expect(adapters(folder)[`adapters/${best}`]).toEqual(adapters("sweep-whole")[`adapters/${best}`]);
    await printed(["validate", folder], root);
  }, 120_000);
});

describe("a checkpoint of a fleet that is torn", () => {
  it("is skipped, told, and put aside", async () => {
    const folder = "torn";
    const child = started("serve", "work.json", "-o", folder, ...ONCE, ...OFTEN);
    expect(await until(child, () => eventsOf(folder, "checkpoint").length >= 3)).toBe(true);
    await killed(child);
    const names = readdirSync(at(folder, "checkpoints"))
      .filter((name) => /^step-\d+$/.test(name))
      .sort();
    const newest = names.at(-1)!;
    const file = readdirSync(at(folder, "checkpoints", newest)).find((name) => name.endsWith(".safetensors"))!;
    truncateSync(at(folder, "checkpoints", newest, file), 100);
    const { code, stderr } = await runCli(["resume", folder, "work.json", ...ONCE], root);
    expect(code).toBe(0);
    expect(stderr).toMatch(new RegExp(`checkpoint ${newest} is skipped: .*bytes`));
    expect(existsSync(at(folder, "checkpoints", `${newest}.skipped`))).toBe(true);
    expectSame(folder);
    rmSync(at(folder), { recursive: true });
  }, 120_000);
});
