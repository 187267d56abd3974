// @module-tag slow

import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter } from "node:events";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { run } from "../../cli/run.ts";
import { createRng } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import { findResumable } from "../../runs/index.ts";
import { isNightly, someOf } from "../level.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const program = packageFile("dist", "cli", "main.js");
const at = (...names: readonly string[]): string => path.join(root, ...names);

/** Four jobs of other lengths, with all that training has a state of: moments, dropout, clipping, evaluations, a decay. */
const JOBS = [
  { name: "first", steps: 260, seed: 1, evaluation: { share: 0.2, everySteps: 7, keepBest: true } },
  { name: "second", steps: 180, seed: 2, batchSize: 6 },
  { name: "third", steps: 40, seed: 3 },
  { name: "fourth", steps: 300, seed: 4 },
];
const NUM_STEPS = JOBS.reduce((sum, { steps }) => sum + steps, 0);

function writeWorkload(): void {
  const adapter = { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] };
  const jobs = JOBS.map((job, index) => ({
    data: { path: "rows.jsonl", format: "tokens" },
    batchSize: 4,
    microBatchSize: 2,
    adapter: { ...adapter, dropout: index === 1 ? 0.1 : 0 },
    optimizer: index === 2 ? { maxGradNorm: 0.5 } : { schedule: { name: "cosine", warmupSteps: 5 } },
    ...job,
  }));
  writeFileSync(at("work.json"), JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, jobs }));
}

const CONSTANT = { F: 0.001, B: 0.002, transfer: 0, update: 0 };

beforeAll(async () => {
  await writeSmallInputs(root);
  writeWorkload();
  writeFileSync(
    at("costs.json"),
    JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds: CONSTANT }),
  );
  const plan = ["plan", "work.json", "--devices", "cpu:0,cpu:1", "--calibration", "costs.json", "--groups", "2"];
  await printed([...plan, "-o", "plan.json"], root);
  toldOfWhole = toldJobs(await printed(["train", "plan.json", "-o", "whole", "--no-cache", "--json"], root));
}, 120_000);

/** What a run says of its jobs at its end, without folders and times. */
function toldJobs(printedText: string): unknown {
  return JSON.parse(printedText).jobs.map(({ name, steps, tokens, losses, evaluations }: Record<string, unknown>) => ({
    ...{ name, steps, tokens, losses, evaluations },
  }));
}
let toldOfWhole: unknown;

const OFTEN = ["--no-cache", "--checkpoint-steps", "25"];

/** A run as a process of its own. */
function started(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args, ...OFTEN], { cwd: root });
}

const numLines = (folder: string): number => {
  const file = at(folder, "metrics.jsonl");
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").length - 1 : 0;
};

/** Kills a run once it has written so many lines; whether it was there still. */
async function killedAt(child: ChildProcess, folder: string, lines: number): Promise<boolean> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  while (child.exitCode === null && numLines(folder) < lines) await sleep(5);
  const wasThere = child.exitCode === null;
  child.kill("SIGKILL");
  await ended;
  return wasThere;
}

/** All adapters and best adapters of a run, as bytes. */
function adapters(folder: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ["adapters", "best"].flatMap((within) =>
      readdirSync(at(folder, within)).map((name) => [
        `${within}/${name}`,
        readFileSync(at(folder, within, name, "adapter_model.safetensors")).toString("base64"),
      ]),
    ),
  );
}

/** Metrics of a run without the times, sorted. Norms are added up stage by stage: on other stages to 12 digits. */
function metrics(folder: string, digits = 17): readonly string[] {
  const lines = readFileSync(at(folder, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines
    .map((line) => {
      const { gradNorm, spent: _spent, ...row } = JSON.parse(line);
      return JSON.stringify({ ...row, seconds: 0, gradNorm: gradNorm?.toPrecision(digits) });
    })
    .sort();
}

function expectSame(folder: string, digits?: number): void {
  expect(adapters(folder)).toEqual(adapters("whole"));
  expect(metrics(folder, digits)).toEqual(metrics("whole", digits));
}

describe("a run that is killed at any moment", () => {
  it.each([1])(
    "goes on each time from its newest checkpoint and ends with the same bytes, losses and evaluations (seed %i)",
    async (seed) => {
      const rng = createRng(`moments ${seed}`);
      const folder = `killed-${seed}`;
      let child = started("train", "plan.json", "-o", folder);
      for (let kill = 0; kill < (isNightly ? 3 : 1); kill += 1) {
        const now = kill === 0 ? 0 : numLines(folder);
        if (!(await killedAt(child, folder, now + 1 + rng.nextInt(Math.floor(NUM_STEPS / 3))))) break;
        // What is there is right up to its last whole line, and what is in checkpoints is not behind it.
        if (existsSync(at(folder, "plan.json"))) {
          await printed(["validate", folder, "--quiet"], root);
          const { done } = findResumable({ cwd: root }, folder, "plan");
          expect([...done.values()].reduce((sum, steps) => sum + steps, 0)).toBeLessThanOrEqual(numLines(folder));
        }
        child = started("resume", folder);
      }
      await new Promise((resolve) => (child.exitCode === null ? child.once("exit", resolve) : resolve(0)));
      expect(child.exitCode).toBe(0);
      expectSame(folder);
      await printed(["validate", folder], root);
    },
    120_000,
  );
});

it("a run that is killed behind its last step and before its end makes the last steps again, and ends", async () => {
  await printed(["train", "plan.json", "-o", "behind", "--no-cache", "--checkpoint-steps", "10"], root);
  const journal = readFileSync(at("behind", "journal.jsonl"), "utf8").trimEnd().split("\n");
  expect(JSON.parse(journal.at(-1)!).event).toBe("ended");
  // As if another process had been killed there.
  const gone = journal.slice(0, -1).map((line) => line.replace(`"process":${process.pid}`, '"process":999999999'));
  writeFileSync(at("behind", "journal.jsonl"), `${gone.join("\n")}\n`);
  rmSync(at("behind", "trace.json"));
  expect(await printed(["resume", "behind", "--no-cache"], root)).toContain("written to behind");
  expectSame("behind");
  expect((await runCli(["check-run", "behind"], root)).code).toBe(0);
}, 60_000);

/** Runs a command line that is told something as soon as it has made some steps. */
async function interrupted(
  argv: readonly string[],
  folder: string,
  tell: (signals: EventEmitter) => void,
  isTime = () => numLines(folder) >= 1,
): Promise<{ readonly code: number; readonly stderr: string }> {
  const signals = new EventEmitter();
  let stderr = "";
  const code = run(argv, {
    stdout: () => {},
    stderr: (text) => {
      stderr += text;
    },
    isTty: false,
    cwd: root,
    signals,
  });
  while (!isTime()) await sleep(1);
  tell(signals);
  return { code: await code, stderr };
}

describe("a run that is asked to end", () => {
  it("writes a checkpoint, from which a plan made anew goes on: on one device, in other groups", async () => {
    const train = ["train", "plan.json", "-o", "asked", "--no-cache"];
    expect((await interrupted(train, "asked", (signals) => signals.emit("SIGTERM"))).code).toBe(130);
    expect(readdirSync(at("asked", "checkpoints"))).toHaveLength(1);
    const other = ["--devices", "cpu:0", "--calibration", "costs.json", "--groups", "1", "--no-cache"];
    await printed(["resume", "asked", "work.json", ...other], root);
    expectSame("asked", 12);
    await printed(["validate", "asked"], root);
    const again = await runCli(["resume", "asked"], root);
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining("a run that did not get to its end")]);
  }, 60_000);

  it("by a notice ends with exit code 75 and a checkpoint, by a file, a signal or a command", async () => {
    const train = (folder: string) => ["train", "plan.json", "-o", folder, "--no-cache", "--notice-file", "taken"];
    const byFile = await interrupted(train("by-file"), "by-file", () => writeFileSync(at("taken"), ""));
    rmSync(at("taken"));
    const bySignal = await interrupted(train("by-signal"), "by-signal", (signals) => signals.emit("SIGUSR2"));
    const command = ["train", "plan.json", "-o", "by-command", "--no-cache"];
    const byCommand = await interrupted(command, "by-command", () => void printed(["notice", "by-command"], root));
    for (const { code, stderr } of [byFile, bySignal, byCommand])
      expect([code, stderr]).toEqual([75, expect.stringContaining("ends with a checkpoint, in 30 s at the latest")]);
    expect(toldJobs(await printed(["resume", "by-command", "--no-cache", "--json"], root))).toEqual(toldOfWhole);
    expectSame("by-command");
  }, 60_000);

  it("names the line of an answer, or of what a device reported, that is damaged", async () => {
    const train = ["train", "plan.json", "-o", "damaged", "--no-cache"];
    await interrupted(train, "damaged", (signals) => signals.emit("SIGTERM"));
    for (const [name, line, damage] of [
      ["completions.jsonl", '[0,"compute",0,1,2,null,null]', '[0,"compute",1,1,2,nul'],
      ["completions.jsonl", '[0,"compute",0,1,2,null,null]', '[0,"compute","1",1,2,null,null]'],
      ["samples.jsonl", "", '{"by":"adapter","job":"first"}'],
    ] as const) {
      writeFileSync(at("damaged", name), `${line}\n${damage}\n`);
      const { code, stderr } = await runCli(["resume", "damaged", "--no-cache"], root);
      expect([code, stderr]).toEqual([2, expect.stringContaining(`${name}:2: Expected `)]);
      rmSync(at("damaged", name));
    }
    await printed(["resume", "damaged", "--no-cache"], root);
    expectSame("damaged");
  }, 60_000);

  const limits = [
    ["hours", ["--max-hours", "0.0001"], /Noticed \(--max-hours 0\.0001\)/],
    ["money", ["--max-cost", "0.5", "--cost-per-hour", "5000", "--max-hours", "2"], /Noticed \(--max-cost 0\.5\)/],
  ] as const;

  it.each(someOf(limits, { quick: 1, all: 1 }))(
    "ends in the same way once it has taken so many %s, and goes on to the same bytes",
    async (name, limit, says) => {
      const { code, stderr } = await runCli(["train", "plan.json", "-o", name, "--no-cache", ...limit], root);
      expect([code, stderr]).toEqual([75, expect.stringMatching(says)]);
      await printed(["resume", name, "--no-cache"], root);
      expectSame(name);
    },
    60_000,
  );

  it.each([
    [["--max-hours", "0"], /Expected a number above 0 at --max-hours, got 0/],
    [["--max-cost", "3"], /Expected --cost-per-hour beside --max-cost, got "none"/],
    [["--cost-per-hour", "3"], /Expected --max-cost beside --cost-per-hour 3/],
  ])("refuses %j", async (limit, says) => {
    const { code, stderr } = await runCli(["train", "plan.json", "-o", "refused", "--no-cache", ...limit], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(says)]);
  });
});

describe("a run with a job that was stopped before", () => {
  const isStopped = (folder: string): boolean => {
    const file = at(folder, "journal.jsonl");
    return existsSync(file) && readFileSync(file, "utf8").includes('"job stopped"');
  };

  // What the job has in the devices' queues when it is stopped runs on; later it has nothing there any more.
  it.each([
    ["at-once", () => isStopped("at-once")],
    ["later", () => numLines("later") >= 40],
  ])(
    "says so at its end, as one that nobody ended does, and has no adapter of it: ended %s",
    async (folder, isTime) => {
      const work = JSON.parse(readFileSync(at("work.json"), "utf8"));
      const hopeless = { ...work.jobs[2], name: "hopeless", optimizer: { learningRate: 1e10 } };
      writeFileSync(
        at("hopeless.json"),
        JSON.stringify({ ...work, jobs: [{ ...work.jobs[0], steps: 1500 }, hopeless] }),
      );
      const devices = ["--devices", "cpu:0", "--calibration", "costs.json", "--groups", "2", "--no-cache"];
      const train = ["train", "hopeless.json", "-o", folder, ...devices];
      expect((await interrupted(train, folder, (signals) => signals.emit("SIGINT"), isTime)).code).toBe(130);
      const { code, stdout, stderr } = await runCli(["resume", folder, "--no-cache"], root);
      expect([code, code === 1 ? "" : stderr]).toEqual([1, ""]);
      expect(stdout).toMatch(/^hopeless was stopped: .*; its adapter is not written$/m);
      expect(readdirSync(at(folder, "adapters"))).toEqual(["first"]);
    },
    60_000,
  );
});

describe.each(["train", "serve"])("checkpoints that %s writes every 7 steps", (command) => {
  it("are of each seventh step of its jobs, though more is queued", async () => {
    const { model, jobs, ...rest } = JSON.parse(readFileSync(at("work.json"), "utf8"));
    const two = [jobs[0], jobs[2]].map((job) => ({ ...job, steps: 30, evaluation: undefined }));
    writeFileSync(at("two.json"), JSON.stringify({ ...rest, model, jobs: two }));
    const folder = `seven-${command}`;
    const often = ["--checkpoint-steps", "7", "--keep-checkpoints", "9", "--no-cache"];
    const on = ["--devices", "cpu:0,cpu:1", "--pipelines", "1", "--calibration", "costs.json"];
    const own = command === "serve" ? ["--once", "--jobs-at-once", "2"] : ["--groups", "2"];
    await printed([command, "two.json", "-o", folder, ...on, ...own, ...often], root);
    const steps = readdirSync(at(folder, "checkpoints")).map((name) => {
      const manifest = JSON.parse(readFileSync(at(folder, "checkpoints", name, "manifest.json"), "utf8"));
      return (manifest.jobs as { step: number }[]).map(({ step }) => step);
    });
    // The second job of a fleet comes some steps later, and a job that is over by the time of writing is in none.
    const wanted =
      command === "serve"
        ? [7, 14, 21].map((step) => [step, expect.any(Number)])
        : [7, 14, 21, 28].map((step) => [step, step]);
    for (const each of wanted) expect(steps).toContainEqual(each);
    if (command === "train") expect(steps.length).toBe(4);
  }, 60_000);
});

describe("checkpoints that cannot be gone on from", () => {
  it("are named and put aside: torn, changed, or of another run", async () => {
    const train = ["train", "plan.json", "-o", "torn", ...OFTEN, "--keep-checkpoints", "9"];
    await interrupted(train, "torn", () => {});
    rmSync(at("torn", "trace.json"));
    const journal = readFileSync(at("torn", "journal.jsonl"), "utf8");
    writeFileSync(at("torn", "journal.jsonl"), journal.replace('"ended"', '"ended early"'));
    const names = readdirSync(at("torn", "checkpoints")).sort();
    expect(names.length).toBeGreaterThan(3);
    const [last, before, third] = names.toReversed().map((name) => at("torn", "checkpoints", name));
    rmSync(path.join(last!, "manifest.json"));
    const state = readdirSync(before!).find((name) => name.endsWith(".safetensors"))!;
    const bytes = readFileSync(path.join(before!, state));
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path.join(before!, state), bytes);
    const manifest = JSON.parse(readFileSync(path.join(third!, "manifest.json"), "utf8"));
    writeFileSync(path.join(third!, "manifest.json"), JSON.stringify({ ...manifest, planHash: "another" }));
    const { stderr, code } = await runCli(["resume", "torn", "--no-cache"], root);
    expect(code).toBe(0);
    for (const name of names.toReversed().slice(0, 3)) expect(stderr).toContain(`checkpoint ${name} is skipped:`);
    expect(stderr).toContain("Expected a manifest.json");
    expect(stderr).toMatch(/bytes with SHA-256/);
    expect(stderr).toContain("Expected content that matches its hash");
    expect(stderr).toContain(`goes on from checkpoint ${names.at(-4)}`);
    expect(readdirSync(at("torn", "checkpoints"))).toContain(`${names.at(-1)}.skipped`);
    expectSame("torn");
  }, 60_000);
});

/** Runs with one bit of one of the model's numbers changed. */
async function onOtherWeights(work: () => Promise<void>): Promise<void> {
  const file = at("model", "model.safetensors");
  const weights = readFileSync(file);
  const changed = Buffer.from(weights);
  changed[changed.length - 3]! ^= 1;
  writeFileSync(file, changed);
  try {
    await work();
  } finally {
    writeFileSync(file, weights);
  }
}

const BEGAN_WITH = /model: Expected the weights that the run began with, got "other weights"/;

describe("weights that changed since a run began", () => {
  it("are refused where it goes on, which it does once they are back", async () => {
    const train = ["train", "plan.json", "-o", "moved", "--no-cache"];
    await interrupted(train, "moved", (signals) => signals.emit("SIGTERM"));
    expect(readFileSync(at("moved", "journal.jsonl"), "utf8")).toMatch(/"event":"ready".*"weights":"sha256:\w{64}"/);
    await onOtherWeights(async () => {
      for (const how of [["moved"], ["moved", "work.json", "--devices", "cpu:0"]]) {
        const { code, stderr } = await runCli(["resume", ...how, "--no-cache"], root);
        expect([code, stderr]).toEqual([2, expect.stringMatching(BEGAN_WITH)]);
      }
    });
    await printed(["resume", "moved", "--no-cache"], root);
    expectSame("moved");
  }, 60_000);

  it("are refused where it is trained again", async () => {
    await onOtherWeights(async () => {
      const { code, stderr } = await runCli(["reproduce", "whole", "--no-cache"], root);
      expect([code, stderr]).toEqual([2, expect.stringMatching(BEGAN_WITH)]);
    });
  }, 60_000);
});

describe("reproduce", () => {
  it("says that a run gives the same bytes again, and where one first differs", async () => {
    expect(await printed(["reproduce", "by-command", "--no-cache"], root)).toContain("the same in all");
    cpSync(at("whole"), at("other"), { recursive: true });
    const lines = readFileSync(at("other", "metrics.jsonl"), "utf8").split("\n");
    const wrong = lines.findIndex((line) => line.includes('"second"') && line.includes('"step":17,'));
    lines[wrong] = lines[wrong]!.replace(/"loss":\d/, '"loss":9');
    writeFileSync(at("other", "metrics.jsonl"), lines.join("\n"));
    const { code, stdout } = await runCli(["reproduce", "other", "--no-cache"], root);
    expect([code, stdout]).toEqual([1, expect.stringContaining("loss of step 17: 9.")]);
    expect(stdout).toContain("not the same");
  }, 60_000);
});
