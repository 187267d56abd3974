import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { silent } from "../../files/context.ts";
import { checkRun, DEFAULT_RHYTHM, openLiveFleet, readRun } from "../../runs/index.ts";
import { temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";

const root = temporaryFolder();

const JOBS = ["one", "two"].map((name, seed) => ({
  ...{ name, seed, steps: 12, batchSize: 4, microBatchSize: 2, adapter: { rank: 4, alpha: 8, targets: ["q_proj"] } },
  data: { path: "rows.jsonl", format: "tokens" },
  evaluation: { share: 0.2, everySteps: 3 },
}));

beforeAll(async () => {
  await writeSmallInputs(root);
  const workload = { kind: "workload", version: 1, model: { path: "model" }, jobs: JOBS };
  writeFileSync(path.join(root, "jobs.json"), JSON.stringify(workload));
});

describe("the state of a live fleet", () => {
  it("can be simulated from at every moment, also while a job is evaluated after its last step", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
    const choices = { schedule: "lorapp", pipelines: 1, jobsAtOnce: 2 } as const;
    const opened = await openLiveFleet(
      { ...silent(root), cache: false },
      "jobs.json",
      { devices: "cpu:0,cpu:1", choices },
      { folder: "live", policy: "mlora", rhythm: DEFAULT_RHYTHM },
    );
    using fleet = opened.fleet;
    const { submission } = opened.arrivals[0]!;
    let [asked, last] = [0, 0];
    const elsewhere: Promise<{ readonly admitted: boolean }>[] = [];
    fleet.subscribe((notice) => {
      if (notice.kind === "end") return;
      for (const { number, done } of fleet.state().placed) expect(done).toBeLessThan(fleet.jobs[number]!.iterations);
      if (notice.kind === "step" && notice.metrics.step === 11) last += 1;
      const answer = opened.future.whatIfNow({ ...submission, job: { ...submission.job, name: "mine" } });
      expect(answer.admitted).toBe(true);
      if (asked === 3)
        elsewhere.push(opened.future.whatIf({ ...submission, job: { ...submission.job, name: "mine" } }));
      if (notice.kind !== "line") asked += 1;
    });
    for (const arrival of opened.arrivals) fleet.submit(arrival.submission);
    fleet.drain();
    await fleet.run();
    expect([asked, last]).toEqual([2 * (12 + 4), 2]);
    expect(await Promise.all(elsewhere)).toMatchObject([{ admitted: true }]);
  });
});

describe("the folder of a live fleet", () => {
  it("has an adapter of each job that has made its steps, and each of its steps", { tags: ["slow"] }, () => {
    expect(checkRun(readRun({ cwd: root }, "live", "fleet"))).toEqual([]);
    rmSync(path.join(root, "live", "adapters", "two"), { recursive: true });
    expect(() => checkRun(readRun({ cwd: root }, "live", "fleet"))).toThrow(/adapters\/two: Expected a PEFT folder/);
    const metrics = path.join(root, "live", "metrics.jsonl");
    const lines = readFileSync(metrics, "utf8").split("\n");
    writeFileSync(metrics, lines.filter((line) => !line.includes('"job":"two"')).join("\n"));
    expect(() => checkRun(readRun({ cwd: root }, "live", "fleet"))).toThrow(
      /metrics\.jsonl: Expected 12 steps of job two, got "0"/,
    );
  });
});

describe("a job that is cancelled as soon as it is sent to devices", () => {
  it("is over, and the others train on", async () => {
    const seconds = { F: 1, B: 2, transfer: 0, update: 0 };
    const slow = { kind: "calibration", version: 1, model: "constant", seconds };
    writeFileSync(path.join(root, "slow.json"), JSON.stringify(slow));
    const choices = { schedule: "lorapp", pipelines: 1, jobsAtOnce: 2 } as const;
    const opened = await openLiveFleet(
      { ...silent(root), cache: false },
      "jobs.json",
      // By the planner's times an action is all that a queue needs: cancelled jobs have little in it, or nothing.
      { devices: "cpu:0,cpu:1", choices, calibration: "slow.json" },
      { folder: "cancelled", policy: "mlora", rhythm: DEFAULT_RHYTHM },
    );
    using fleet = opened.fleet;
    const [one, two] = opened.arrivals.map(({ submission }) => submission);
    let next = 0;
    const submit = (): void => {
      const job = { ...two!.job, name: `short-${next}` };
      const work = { ...two!.work, job: { ...two!.work.job, name: job.name } };
      fleet.submit({ ...two!, job, work });
      next += 1;
    };
    fleet.subscribe((notice) => {
      if (notice.kind === "line")
        for (const { kind, name } of notice.line.decisions) if (kind === "start" && name !== "one") fleet.cancel(name);
      if (notice.kind !== "step" || notice.metrics.job !== "one") return;
      if (notice.metrics.step < 8) submit();
      else if (!fleet.isDraining) fleet.drain();
    });
    fleet.submit(one!);
    await fleet.run();
    expect(fleet.job("one").standing).toBe("ended");
    expect(next).toBe(8);
    for (const { job, standing } of fleet.jobs.slice(1)) expect(standing, job.name).toMatch(/cancelled|ended/);
    expect(checkRun(readRun({ cwd: root }, "cancelled", "fleet"))).toEqual([]);
  }, 60_000);
});

describe("a fleet that trains for long", () => {
  it("keeps a bounded part of its plan and of what devices reported, which is checked from where it begins", {
    tags: ["slow"],
    timeout: 60_000,
  }, async () => {
    const mostBytes = 20_000;
    const choices = { schedule: "lorapp", pipelines: 1, jobsAtOnce: 2 } as const;
    const opened = await openLiveFleet(
      { ...silent(root), cache: false },
      "jobs.json",
      { devices: "cpu:0,cpu:1", choices },
      { folder: "long", policy: "mlora", rhythm: DEFAULT_RHYTHM, mostBytes },
    );
    using fleet = opened.fleet;
    const at = (name: string): string => path.join(root, "long", name);
    const bytes = (): number => statSync(at("segments.jsonl")).size + statSync(at("completions.jsonl")).size;
    let most = 0;
    fleet.subscribe(() => {
      most = Math.max(most, bytes());
    });
    const [{ submission }] = opened.arrivals as [(typeof opened.arrivals)[number]];
    for (let number = 0; number < 60; number += 1) {
      const name = `job-${number}`;
      const work = { ...submission.work, job: { ...submission.work.job, name } };
      fleet.submit({ ...submission, job: { ...submission.job, name }, work });
    }
    fleet.drain();
    await fleet.run();
    // What comes within half a second is written together.
    const all = fleet.jobs.length * 15_000;
    expect(Math.max(most, bytes())).toBeLessThan(all / 2);
    expect(checkRun(readRun({ cwd: root }, "long", "fleet"))).toEqual([
      expect.stringMatching(/^the first \d+ segments of the plan are kept no longer/),
    ]);
  });
});
