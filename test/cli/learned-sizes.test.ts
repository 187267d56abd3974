// @module-tag slow
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { silent } from "../../files/context.ts";
import { adapterBytesOn } from "../../plan/growth/adapter-shares.ts";
import type { FleetEvent, JournalLine } from "../../plan/index.ts";
import { DEFAULT_RHYTHM, openLiveFleet, readRun, twinOfFleet } from "../../runs/index.ts";
import type { WhatIfAnswer } from "../../sim/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { SMALL_FLEET, writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);

const JOBS = 20;
/** From so many points on a fit is relied on. */
const SETTLED = 15;

const FEW = `${SMALL_FLEET}defaults: { batchSize: 2, microBatchSize: 2, data: { lengths: 64 } }
jobs:
  - { name: long, steps: 20 }
  - { name: next, steps: 4, arrivalSeconds: 10 }
`;

/** Short jobs of some ranks, all from the start. */
function writeJobs(): void {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: 6 },
  };
  const jobs = Array.from({ length: JOBS }, (_, index) => ({
    name: `job${index}`,
    adapter: { rank: 1 + ((index * 5) % 8), alpha: 4, targets: ["q_proj", index % 2 === 0 ? "v_proj" : "up_proj"] },
  }));
  const document = { kind: "workload", version: 1, model: { path: "model" }, defaults, jobs };
  writeFileSync(at("jobs.json"), JSON.stringify(document));
}

function writeCosts(name: string, forward: number): void {
  const seconds = { F: forward, B: 2 * forward, transfer: 0, update: 0 };
  writeFileSync(at(name), JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds }));
}

const ON = ["--devices", "cpu:0,cpu:1", "--pipelines", "1", "--calibration", "costs.json", "--jobs-at-once", "3"];

beforeAll(async () => {
  await writeSmallInputs(root);
  writeJobs();
  writeCosts("costs.json", 0.01);
  writeCosts("seconds.json", 1);
  writeFileSync(at("few.yaml"), FEW);
  writeFileSync(at("job.yaml"), "{ name: mine, steps: 5 }\n");
  await printed(["serve", "jobs.json", ...ON, "-o", "fleet", "--once", "--policy", "fifo", "--sizes", "learned"], root);
}, 120_000);

function measuredIn(lines: readonly JournalLine[]): readonly Extract<FleetEvent, { kind: "measured" }>[] {
  return lines.flatMap(({ events }) => events.filter((event) => event.kind === "measured"));
}

/** How many jobs are on the pipeline when one starts: until the fit is settled, and the most after that. */
function besides(lines: readonly JournalLine[]): { readonly early: number; readonly late: number } {
  let [on, points, early, late] = [0, 0, 0, 0];
  for (const { events, decisions } of lines) {
    points += events.filter(({ kind }) => kind === "measured").length;
    on -= events.filter(({ kind }) => kind === "ended").length;
    for (const { kind } of decisions) {
      if (kind !== "start") continue;
      if (points < SETTLED) early = Math.max(early, on);
      else late = Math.max(late, on);
      on += 1;
    }
  }
  return { early, late };
}

describe("serve --sizes learned", () => {
  it("measures every job once, as the devices count, and has jobs train alone until the fit is settled", () => {
    const { setting, jobs, lines, sizes } = readRun({ cwd: root }, "fleet", "fleet");
    expect(sizes).toBe("learned");
    const measured = measuredIn(lines);
    expect(measured.map(({ number }) => number).sort((a, b) => a - b)).toEqual(jobs.map(({ number }) => number));
    for (const { number, bytes } of measured)
      expect(bytes).toEqual([0, 1].map((stage) => adapterBytesOn(setting, stage, jobs[number]!.job)));
    expect(besides(lines)).toEqual({ early: 0, late: 2 });
  });

  it("is known to its folder: decisions are made again, and would be others with planned sizes", async () => {
    expect(await runCli(["validate", "fleet"], root)).toMatchObject({ code: 0, stderr: "" });
    cpSync(at("fleet"), at("other"), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const journal = readFileSync(at("fleet", "journal.jsonl"), "utf8");
    writeFileSync(at("other", "journal.jsonl"), journal.replace('"sizes":"learned",', ""));
    const { code, stderr } = await runCli(["validate", "other"], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Expected the decisions of fifo/);
  });

  it("has a twin in which jobs take what they took, and which decides the same", async () => {
    const report = ["report", "fleet", "-o", "fleet.html", "--json"];
    const { decisions, sameDecisions } = JSON.parse(await printed(report, root)) as Readonly<Record<string, number>>;
    expect(decisions).toBe(JOBS);
    expect(sameDecisions).toBe(JOBS);
    const loaded = readRun({ cwd: root }, "fleet", "fleet");
    const { journal } = twinOfFleet(loaded).twin!;
    expect(measuredIn(journal)).toEqual(measuredIn(loaded.lines));
    expect(besides(journal)).toEqual({ early: 0, late: 2 });
  });

  it("predicts ends from what has been learned, and says what would happen if a job came", async () => {
    const context = { ...silent(root), cache: false };
    const choice = { devices: "cpu:0,cpu:1", calibration: "costs.json", sizes: "learned" } as const;
    const choices = { schedule: "lorapp", pipelines: 1, jobsAtOnce: 3 } as const;
    const opened = await openLiveFleet(
      context,
      "jobs.json",
      { ...choice, choices },
      { folder: "live", policy: "fifo", rhythm: DEFAULT_RHYTHM },
    );
    using fleet = opened.fleet;
    const seen: number[] = [];
    const starts: number[] = [];
    fleet.subscribe((notice) => {
      if (notice.kind !== "line" || measuredIn([notice.line]).length === 0) return;
      const { scheduler } = fleet.state();
      seen.push(Object.values(scheduler.fits!)[0]!.points);
      if (seen.length !== 4) return;
      const ends = opened.future.predictedNow();
      // One that has trained all its iterations is over later, when its adapter has left the devices.
      expect(ends.size).toBe(fleet.jobs.filter(({ endNs }) => endNs === undefined).length);
      const inTurn = [...ends.values()].map(({ seconds }) => seconds).sort((a, b) => a - b);
      const gaps = inTurn.slice(1).map((seconds, before) => seconds - inTurn[before]!);
      // Each has the devices to itself until eleven more have been measured, and shares them from then on.
      // How long that is goes by the pace of this run.
      expect(Math.min(...gaps.slice(0, 8))).toBeGreaterThan(10 * Math.min(...gaps.slice(-4)));
      const { submission } = opened.arrivals[0]!;
      const answer = opened.future.whatIfNow({ ...submission, job: { ...submission.job, name: "mine" } });
      if (answer.admitted) starts.push(answer.startSeconds);
    });
    for (const { submission } of opened.arrivals) fleet.submit(submission);
    fleet.drain();
    await fleet.run();
    expect(seen.slice(0, 4)).toEqual([1, 2, 3, 4]);
    expect(starts.length).toBe(1);
  });
});

describe("simulate --policy and what-if with --sizes learned", () => {
  const UNITS = ["--devices", "unit*2", "--pipelines", "1", "--jobs-at-once", "2", "--calibration", "seconds.json"];
  const simulate = ["simulate", "few.yaml", ...UNITS, "--policy", "mlora", "--json"];

  it("show what learning costs: the second job waits for the first one to end", async () => {
    const startOf = async (...argv: readonly string[]): Promise<number> => {
      const { jobs } = JSON.parse(await printed([...simulate, ...argv], root)) as {
        readonly jobs: readonly { readonly startNs: number }[];
      };
      return jobs[1]!.startNs / 1e9;
    };
    // A first job takes 6 seconds for each of its steps while it is alone.
    expect(await startOf()).toBeLessThanOrEqual(12);
    expect(await startOf("--sizes", "planned")).toBe(await startOf());
    expect(await startOf("--sizes", "learned")).toBe(120);
    const whatIf = ["what-if", "few.yaml", "job.yaml", ...UNITS, "--at", "30", "--json"];
    const learned = JSON.parse(await printed([...whatIf, "--sizes", "learned"], root)) as WhatIfAnswer;
    expect(learned).toMatchObject({ admitted: true, startSeconds: 144 });
    const planned = JSON.parse(await printed(whatIf, root)) as WhatIfAnswer;
    expect(planned.admitted && planned.startSeconds).toBeLessThan(60);
  });

  it("is of jobs that come over time alone", async () => {
    const { code, stderr } = await runCli(["simulate", "few.yaml", ...UNITS, "--sizes", "learned"], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(/--sizes/);
  });
});
