import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { SMALL_FLEET } from "./small-inputs.ts";

const root = temporaryFolder();

const JOBS = `${SMALL_FLEET}defaults: { batchSize: 2, microBatchSize: 2, data: { lengths: 64 } }
jobs:
  - { name: long, steps: 20, user: ann }
  - { name: short, steps: 4, arrivalSeconds: 10 }
  - { name: late, steps: 8, user: ann, arrivalSeconds: 20, deadlineSeconds: 1 }
`;
const COSTS = `kind: calibration
version: 1
model: constant
seconds: { F: 1, B: 2, transfer: 0, update: 0 }
`;

const at = (...names: readonly string[]): string => path.join(root, ...names);

beforeAll(async () => {
  writeFileSync(at("jobs.yaml"), JOBS);
  writeFileSync(at("costs.yaml"), COSTS);
  const devices = ["--devices", "unit*2", "--calibration", "costs.yaml", "--pipelines", "1", "--jobs-at-once", "1"];
  for (const policy of ["sjf", "deadline"])
    await printed(["simulate", "jobs.yaml", ...devices, "--policy", policy, "-o", `${policy}.jsonl`], root);
});

// Alone a job of one micro-batch a step takes 6 seconds for each.
describe("explain", () => {
  it("tells a job's story in sentences", async () => {
    expect(await printed(["explain", "sjf.jsonl", "long"], root)).toBe(
      `${[
        "long came at 0 s with 20 iterations, of ann.",
        "It started at once on pipeline 0: 20 iterations are predicted to be left.",
        "At 12.00 s it was to leave after its iteration: for short: 4 iterations are predicted to be left.",
        "At 18.00 s it was preempted after 3 iterations.",
        "It waited 1 min 12 s, while late and short trained, and went on at 1 min 30 s on pipeline 0: 17 iterations are predicted to be left.",
        "It waited 1 min 12 s in all, and ended at 3 min 12 s: turnaround 3 min 12 s, of which 63 % training.",
      ].join("\n")}\n`,
    );
    expect(await printed(["explain", "deadline.jsonl", "late"], root)).toMatch(
      /^late came at 20\.00 s with 8 iterations, of ann, to end by 21\.00 s\.\nIt waited 4\.00 s, while long trained\.\nIt was refused at 24\.00 s: alone from now on it would end .* after its deadline\.\n$/,
    );
  });

  it("tells a fleet's, and has every job's time as JSON", async () => {
    const text = await printed(["explain", "deadline.jsonl"], root);
    expect(text).toMatch(/^3 jobs came from 0 s to 20\.00 s and trained on 1 pipeline: 2 ended, 1 refused at /);
    expect(text).toMatch(/Who waited most:\n {2}short: .* while long trained\n/);
    expect(text).toMatch(/1 job was refused:\n {2}late: alone from now on it would end /);
    const { jobs, story } = JSON.parse(await printed(["explain", "sjf.jsonl", "--json"], root));
    expect(jobs.map(({ outcome }: { readonly outcome: string }) => outcome)).toEqual(["ended", "ended", "ended"]);
    expect(story.length).toBe(3);
    const one = JSON.parse(await printed(["explain", "sjf.jsonl", "short", "--json"], root));
    expect([one.job.request.name, one.story.length]).toEqual(["short", 3]);
  });

  it("takes the journal of a run's folder, past lines of other kinds, up to the last whole line", async () => {
    mkdirSync(at("run"));
    const lines = readFileSync(at("sjf.jsonl"), "utf8").trimEnd().split("\n");
    const mixed = ['{"event":"started","process":1}', ...lines.slice(0, -1), '{"event":"ended"}'];
    writeFileSync(at("run", "journal.jsonl"), `${mixed.join("\n")}\n`);
    expect((await runCli(["explain", "run", "short"], root)).stderr).toBe("");
    appendFileSync(at("run", "journal.jsonl"), lines.at(-1)!.slice(0, -9));
    const { code, stdout, stderr } = await runCli(["explain", "run", "long"], root);
    expect(code).toBe(0);
    expect(stderr).toBe(
      `Warning: line ${mixed.length + 1} of the journal was not written to its end; all that is said is of the lines before.\n`,
    );
    expect(stdout).toMatch(/The journal ends before it does: 3 of 20 iterations done, 1 min 12 s waited in all\.\n$/);
  });
});

describe("explain ends with exit code 2 and says where", () => {
  const firstLine = (): string => readFileSync(at("sjf.jsonl"), "utf8").split("\n")[0]!;
  it.each([
    ["no journal", (): string => JOBS, /bad\.jsonl: Expected a line of a job scheduler's journal, got "none"/],
    [
      "a line that is not JSON",
      (): string => `${firstLine()}\n{"line":2,"atNs"\n`,
      /bad\.jsonl:2: Expected a line of JSON, got "\{/,
    ],
    [
      "an event of no kind",
      () => firstLine().replace('"kind":"arrived"', '"kind":"came"').concat("\n"),
      /bad\.jsonl:1:1: Expected one of .* at events\[0\]\.kind, got "came"/,
    ],
    [
      "a decision on a job that has not arrived",
      () => `${firstLine()}\n{"line":2,"atNs":1,"events":[{"kind":"ended","number":7}],"decisions":[]}\n`,
      /bad\.jsonl:2: Expected a job that has arrived before, got 7/,
    ],
    [
      "time that goes back",
      () =>
        `${firstLine()}\n{"line":2,"atNs":5,"events":[],"decisions":[]}\n{"line":3,"atNs":4,"events":[],"decisions":[]}\n`,
      /bad\.jsonl:3: Expected a time from 5 ns on, got 4/,
    ],
  ] as const)("of %s", async (_, text, says) => {
    writeFileSync(at("bad.jsonl"), text());
    const { code, stdout, stderr } = await runCli(["explain", "bad.jsonl"], root);
    expect(stderr).toMatch(says);
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("of a job that is not there, with those that are", async () => {
    const { code, stderr } = await runCli(["explain", "sjf.jsonl", "Long"], root);
    expect(stderr).toBe('Expected a job of the journal at job, got "Long".\nHint: There are long, short, late.\n');
    expect(code).toBe(2);
  });
});
