import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { initModel } from "../datasets/index.ts";
import { RUN_FILES } from "../runs/folder/run-files.ts";
import { adaptersOf, carriedOut, journalOf, numSteps, servedJobs, started, wellEnded } from "./killed-run.ts";
import { startData } from "./start-data.ts";

const RANKS = [4, 8, 16, 32, 64];
/** Of each job, at least. */
const STEPS = 6;
const ROWS = 8;

/** A fleet of so many jobs that was killed, and gone on with. */
export interface KilledThousand {
  /** From the command to the first step that it makes. */
  readonly resumeSeconds: number;
  readonly isSame: boolean;
  /** Of the longest checkpoint before the kill. */
  readonly checkpointSeconds: number;
  /** What its server answers while it trains. */
  readonly answers: readonly { readonly route: string; readonly seconds: number; readonly bytes: number }[];
}

/** What the page of a fleet asks for, again and again. */
const ROUTES = ["/v1/jobs", "/v1/losses", "/v1/decisions", "/v1/picture", "/v1/status"];

function writeWorkload(folder: string, jobs: number): string {
  const rows = path.join(folder, "sums.jsonl");
  const row = (each: number): string => JSON.stringify({ instruction: `${each} + 1`, output: `${each + 1}` });
  writeFileSync(rows, Array.from({ length: ROWS }, (_, each) => `${row(7 ** each)}\n`).join(""));
  const { folder: model } = initModel({
    folder: path.join(folder, "base"),
    hiddenSize: 64,
    layers: 2,
    heads: 4,
    seed: 1,
  });
  const workload = {
    kind: "workload",
    version: 1,
    model: { path: model },
    defaults: {
      data: { path: rows, format: "instruction" },
      ...{ batchSize: 4, microBatchSize: 2, cutoffLength: 64 },
    },
    jobs: Array.from({ length: jobs }, (_, job) => ({
      ...{ name: `job-${job}`, seed: job + 1, steps: STEPS + (job % 3) },
      adapter: { rank: RANKS[job % RANKS.length], alpha: 16, dropout: 0, targets: ["q_proj", "v_proj"] },
    })),
  };
  const file = path.join(folder, "thousand.yaml");
  writeFileSync(file, JSON.stringify(workload));
  return file;
}

/** What a server at a socket answers, whole. */
function answerOf(socketPath: string, route: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: route }, (response) => {
      // The fleet may be killed, or end, before the answer is whole.
      response.on("error", reject);
      let bytes = 0;
      response.on("data", (piece: Buffer) => {
        bytes += piece.length;
      });
      response.on("end", () => resolve(bytes));
    })
      .on("error", reject)
      .end();
  });
}

/** Serves so many jobs, kills the process once a step and a half of each is made, resumes it, and compares its adapters. */
export async function killedThousand(jobs: number, policy: string): Promise<KilledThousand> {
  using data = startData("tiny");
  const { folder } = data;
  const file = writeWorkload(folder, jobs);
  const options = ["--devices", "cpu:0", "--policy", policy, "--jobs-at-once", "8", "--host-memory", `${jobs * 4096}`];
  const what = servedJobs(file, options);
  await carriedOut(folder, "whole", what);
  const run = path.join(folder, "killed");
  const begun = started(folder, [...what.words, "--output", run, "--checkpoint-minutes", "0.05"]);
  const ended = new Promise((resolve) => begun.child.once("exit", resolve));
  while (begun.child.exitCode === null && numSteps(run) < 1.5 * jobs) await sleep(20);
  begun.child.kill("SIGKILL");
  await ended;
  const seconds = journalOf(run).flatMap((line) => (line.event === "checkpoint" ? [line.seconds!] : []));
  const from = performance.now();
  const numReady = readyTimes(run).length;
  const own = started(folder, ["resume", run, ...what.again]);
  while (own.child.exitCode === null && readyTimes(run).length === numReady) await sleep(20);
  const before = numSteps(run);
  while (own.child.exitCode === null && numSteps(run) <= before) await sleep(20);
  const resumeSeconds = (performance.now() - from) / 1e3;
  const answers: { route: string; seconds: number; bytes: number }[] = [];
  for (const route of own.child.exitCode === null ? ROUTES : []) {
    const asked = performance.now();
    // A small fleet may have ended before it is asked.
    const bytes = await answerOf(path.join(run, "control.sock"), route).catch(() => 0);
    answers.push({ route, bytes, seconds: (performance.now() - asked) / 1e3 });
  }
  await wellEnded(own);
  return {
    resumeSeconds,
    isSame: adaptersOf(run) === adaptersOf(path.join(folder, "whole")),
    checkpointSeconds: Math.max(0, ...seconds),
    answers,
  };
}

function readyTimes(run: string): readonly string[] {
  const lines = readFileSync(path.join(run, RUN_FILES.journal), "utf8").split("\n").slice(0, -1);
  return lines.filter((line) => line.includes('"event":"ready"'));
}
