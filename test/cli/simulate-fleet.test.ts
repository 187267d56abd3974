import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../files/index.ts";
import type { JournalLine } from "../../plan/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { SMALL_FLEET } from "./small-inputs.ts";

const root = temporaryFolder();

/** On two unit devices a forward takes a second and a backward two; each job fills a pipeline half. */
const JOBS = `${SMALL_FLEET}defaults: { batchSize: 2, microBatchSize: 2, data: { lengths: 64 } }
jobs:
  - { name: long, steps: 20, user: ann }
  - { name: short, steps: 4, user: ben, arrivalSeconds: 10, priority: 2 }
  - { name: late, steps: 8, user: ann, arrivalSeconds: 20, deadlineSeconds: 1, earlyStopping: true }
`;
const COSTS = JSON.stringify({
  kind: "calibration",
  version: 1,
  model: "constant",
  seconds: { F: 1, B: 2, transfer: 0, update: 0 },
});

beforeAll(() => {
  writeFileSync(path.join(root, "jobs.yaml"), JOBS);
  writeFileSync(path.join(root, "costs.json"), COSTS);
});

/** A policy, whose decisions are in its fourth line. */
const OWN = `export default {
  name: "own", describe: "of a test", watches: "changes", initial: null, compare: (a, b) => a.number - b.number,
  decide: (view) => ({ memory: null, wishes:
WISHES }) };
`;

const ONE_AT_A_TIME = ["--devices", "unit*2", "--calibration", "costs.json", "--pipelines", "1", "--jobs-at-once", "1"];

interface Printed {
  readonly policy: string;
  readonly makespanSeconds: number;
  readonly preemptions: number;
  readonly refused: number;
  readonly jobsInSystem: number;
  readonly turnaroundSeconds: Readonly<Record<string, number>>;
  readonly jobs: readonly { readonly name: string; readonly startNs?: number; readonly endNs?: number }[];
}

async function fleet(policy: string, ...argv: readonly string[]): Promise<Printed> {
  const words = ["simulate", "jobs.yaml", ...ONE_AT_A_TIME, "--policy", policy, "--json", ...argv];
  return JSON.parse(await printed(words, root)) as Printed;
}

// Alone a job of one micro-batch a step takes 6 seconds for each: forward, forward, backward, backward.
/** What is said beside what the workload says for nothing. */
function withoutNotes(text: string): string {
  return text.replaceAll(/^Note: .*\n/gm, "");
}

describe("simulate --policy", () => {
  it("runs jobs one after the other, as they come", async () => {
    const { policy, jobs, makespanSeconds, preemptions } = await fleet("fifo");
    expect(policy).toBe("fifo");
    expect(jobs.map(({ name, startNs, endNs }) => [name, startNs! / 1e9, endNs! / 1e9])).toEqual([
      ["long", 0, 120],
      ["short", 120, 144],
      ["late", 144, 192],
    ]);
    expect([makespanSeconds, preemptions]).toEqual([192, 0]);
  });

  it("lets a short job go before a long one at the end of an iteration, and says why in the journal", async () => {
    const { jobs, preemptions, turnaroundSeconds, jobsInSystem } = await fleet("sjf", "-o", "journal.jsonl");
    expect(jobs.map(({ name, startNs, endNs }) => [name, startNs! / 1e9, endNs! / 1e9])).toEqual([
      ["long", 0, 192],
      ["short", 18, 42],
      ["late", 42, 90],
    ]);
    expect(preemptions).toBe(1);
    expect(turnaroundSeconds["mean"]).toBeCloseTo((192 + 32 + 70) / 3, 9);
    expect(jobsInSystem).toBeCloseTo((192 + 32 + 70) / 192, 9);
    const text = readFileSync(path.join(root, "journal.jsonl"), "utf8");
    const lines = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as JournalLine);
    expect(lines.flatMap(({ atNs, decisions }) => decisions.map(({ kind, name }) => [atNs / 1e9, kind, name]))).toEqual(
      [
        [0, "start", "long"],
        // Its next iteration has been queued by then.
        [12, "leave", "long"],
        [18, "preempt", "long"],
        [18, "start", "short"],
        [42, "start", "late"],
        [90, "resume", "long"],
      ],
    );
    expect(lines[1]!.decisions[0]!.why).toBe("for short: 4 iterations are predicted to be left");
  });

  it("refuses a schedule that jobs cannot join", async () => {
    const { code, stderr } = await runCli(
      ["simulate", "jobs.yaml", ...ONE_AT_A_TIME, "--policy", "sjf", "--schedule", "gpipe"],
      root,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^Expected lorapp or lorapp-gpipe, which jobs can join and leave, at --schedule, got "gpipe"/,
    );
  });

  it("refuses a job whose deadline cannot be met", async () => {
    const { jobs, refused } = await fleet("deadline");
    expect(refused).toBe(1);
    expect(jobs.find(({ name }) => name === "late")!.startNs).toBeUndefined();
    const text = await printed(["simulate", "jobs.yaml", ...ONE_AT_A_TIME, "--policy", "deadline"], root);
    expect(text).toMatch(/^simulated under deadline: 3 jobs in 2 min 24 s, preempted 0, refused 1, /);
    expect(text).toMatch(/late +20\.00 s +refused +- +- +- +0/);
  });

  it("says nothing of priorities, which a plan says that it does not use", async () => {
    const noted = await runCli(["simulate", "jobs.yaml", ...ONE_AT_A_TIME, "--policy", "mlora"], root);
    expect(noted.stderr).not.toMatch(/priority/);
    expect(noted.stderr).toMatch(/earlyStopping of late is not used: a simulation has no losses/);
    const { stderr } = await runCli(["validate", "jobs.yaml"], root);
    expect(stderr).toMatch(/priority of short is not used/);
    expect(stderr).toMatch(/deadlineSeconds of late is not used/);
    expect(stderr).toMatch(/all steps of late are planned; `train` ends them early where their losses say so/);
  });

  it("takes a policy from a file, which decides as one of ours does", async () => {
    const example = packageFile("examples", "policies", "shortest-first.mjs");
    const own = await fleet(example);
    const { policy, ...sjf } = await fleet("sjf");
    expect([own.policy, policy]).toEqual(["shortest-first", "sjf"]);
    expect(own).toEqual({ ...sjf, policy: "shortest-first" });
    writeFileSync(path.join(root, "lazy.mjs"), OWN.replace("WISHES", "[]"));
    const { code, stderr } = await runCli(["simulate", "jobs.yaml", ...ONE_AT_A_TIME, "--policy", "./lazy.mjs"], root);
    expect(code).toBe(2);
    expect(withoutNotes(stderr)).toBe(
      'Expected a policy that trains every job, or refuses it, got "long at the end".\n',
    );
  });

  it.each([
    ["srtf", /^Expected fifo, sjf, .*deadline.* or a path, such as \.\/mine\.mjs, at --policy, got "srtf"\.\nHint: /],
    ["./none.mjs", /^.*none\.mjs: Expected the file of a policy, got "no such file"\.\n$/],
    ["./throws.mjs", /^.*throws\.mjs:4: Expected a decision of policy own, got "Error: what now\?"\.\n$/],
    ["./syntax.mjs", /^.*syntax\.mjs.*: Expected a policy that can be loaded, got "(?:SyntaxError|Error): [^\n]*\.\n/],
  ])("says in a sentence what is wrong with the policy %s", async (policy, sentence) => {
    writeFileSync(path.join(root, "throws.mjs"), OWN.replace("WISHES", "(() => { throw new Error('what now?') })()"));
    writeFileSync(path.join(root, "syntax.mjs"), "export default {");
    const { code, stderr } = await runCli(["simulate", "jobs.yaml", ...ONE_AT_A_TIME, "--policy", policy], root);
    expect(code).toBe(2);
    expect(withoutNotes(stderr)).toMatch(sentence);
  });
});
