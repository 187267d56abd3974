import { cpSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { printed, runCli, temporaryFolder } from "../cli/run-cli.ts";
import { writeSmallInputs } from "../cli/small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);

beforeAll(async () => {
  await writeSmallInputs(root);
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, steps: 4, adapter: { rank: 4, alpha: 8, targets: ["q_proj"] } },
  };
  const write = (name: string, jobs: readonly object[]): void =>
    writeFileSync(at(name), JSON.stringify({ kind: "workload", version: 1, model: { path: "model" }, defaults, jobs }));
  const evaluation = { share: 0.1, everySteps: 2 };
  write("w.json", [{ name: "first", evaluation }, { name: "second" }]);
  write("other.json", [{ name: "first", seed: 7, evaluation }, { name: "second" }]);
  write("long.json", [
    { name: "first", evaluation, steps: 60 },
    { name: "second", steps: 60 },
  ]);
  const train = (workload: string, ...words: readonly string[]) =>
    runCli(["train", workload, "--devices", "cpu:0", "--no-cache", ...words], root);
  expect((await train("w.json", "-o", "static")).code).toBe(0);
  expect((await train("other.json", "-o", "other")).code).toBe(0);
  expect((await train("long.json", "-o", "resumed", "--max-hours", "0.000001", "--checkpoint-steps", "1")).code).toBe(
    75,
  );
  cpSync(at("resumed"), at("cut"), { recursive: true });
  await printed(["resume", "resumed"], root);
  await printed(["serve", "w.json", "--devices", "cpu:0", "--no-cache", "-o", "fleet", "--once"], root);
}, 300_000);

type Lines = (lines: readonly string[]) => readonly string[];

/** Lines of a file of a copy, changed. */
const lines = (file: string, change: Lines) => (copy: string) => {
  const full = at(copy, file);
  const before = readFileSync(full, "utf8").trimEnd().split("\n");
  writeFileSync(full, `${change(before).join("\n")}\n`);
};

/** The same of the first line of a file that has a text. */
const line = (file: string, text: string, change: (line: string) => readonly string[]) =>
  lines(file, (all) => {
    const index = all.findIndex((each) => each.includes(text));
    expect(index).toBeGreaterThanOrEqual(0);
    return all.toSpliced(index, 1, ...change(all[index]!));
  });

const METRICS = "metrics.jsonl";
const STEP = '"loss":';
const WEIGHTS = "adapters/first/adapter_model.safetensors";

/** The name of each is what the folder says then; the pattern, the first fault. */
const CHANGES: readonly (readonly [string, readonly string[], (copy: string) => void, RegExp])[] = [
  [
    "lacks a step",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, () => []),
    /metrics\.jsonl:\d+: Expected step 0 of job/,
  ],
  [
    "has a step twice",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, (own) => [own, own]),
    /metrics\.jsonl:\d+: Expected step 1 of job \w+, got "step 0"/,
  ],
  [
    "lacks its last lines",
    ["static", "resumed", "fleet"],
    lines(METRICS, (all) => all.slice(0, -3)),
    /metrics\.jsonl: Expected (\d+ steps|the evaluation) of job/,
  ],
  [
    "has a step of another run's job",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, (own) => [own.replace(/"job":"\w+"/, '"job":"stranger"'), own]),
    /metrics\.jsonl:1: Expected a job of the run at job, got "stranger"/,
  ],
  [
    "has a line that is none",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, (own) => [own.slice(0, -2)]),
    /metrics\.jsonl:1: Expected a line of JSON/,
  ],
  [
    "has no number as a loss",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, (own) => [own.replace(/"loss":[^,]*/, '"loss":"low"')]),
    /metrics\.jsonl:1: Expected a loss, or null at loss, got "low"/,
  ],
  [
    "has more tokens than are planned",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, (own) => [own.replace(/"tokens":/, '"tokens":1')]),
    /metrics\.jsonl:1: Expected \d+ tokens of job \w+, as they are planned/,
  ],
  [
    "has another learning rate",
    ["static", "resumed", "fleet"],
    line(METRICS, STEP, (own) => [own.replace(/"learningRate":[^,]*/, '"learningRate":0.5')]),
    /metrics\.jsonl:1: Expected the learning rate of job/,
  ],
  [
    "lacks an evaluation",
    ["static", "resumed", "fleet"],
    line(METRICS, '"evaluationLoss"', () => []),
    /metrics\.jsonl:\d+: Expected the evaluation of job first after its step 1/,
  ],
  [
    "calls another evaluation the best",
    ["static", "resumed", "fleet"],
    line(METRICS, '"best":true', (own) => [own.replace("true", "false")]),
    /metrics\.jsonl:\d+: Expected true of job first/,
  ],
  [
    "has another loss than its trace",
    ["static", "resumed"],
    line(METRICS, STEP, (own) => [own.replace(/"loss":/, '"loss":1')]),
    /trace\.json: Expected the loss of job \w+ in its step 0/,
  ],
  [
    "has the trace of another plan",
    ["static"],
    (copy) => cpSync(at("other", "trace.json"), at(copy, "trace.json")),
    /trace\.json: Expected the trace of plan \w+ at planHash, got "that of another plan"/,
  ],
  [
    "has the trace of its first part",
    ["resumed"],
    (copy) => cpSync(at(copy, "earlier/1/trace.json"), at(copy, "trace.json")),
    /trace\.json: Expected the trace of plan/,
  ],
  [
    "has an action twice",
    ["static", "resumed"],
    line("trace.json", '"cat":"compute"', (own) => [own, own]),
    /trace\.json[:\d]*: Expected (each action once|a start at or after the end of the event before)/,
  ],
  [
    "lacks an earlier part",
    ["resumed"],
    (copy) => rmSync(at(copy, "earlier"), { recursive: true }),
    /plan\.json|trace\.json: Expected the run's first plan/,
  ],
  [
    "has the plan of another part",
    ["resumed"],
    (copy) => cpSync(at(copy, "earlier/1/plan.json"), at(copy, "plan.json")),
    /plan\.json: Expected job \w+ from step/,
  ],
  [
    "lacks the weights of an adapter",
    ["static", "resumed", "fleet"],
    (copy) => rmSync(at(copy, WEIGHTS)),
    /adapters\/first: Expected a PEFT folder/,
  ],
  [
    "has the adapter of another job",
    ["static", "resumed", "fleet"],
    (copy) => cpSync(at(copy, "adapters/second"), at(copy, "adapters/first"), { recursive: true }),
    /Expected the weights that job first left/,
  ],
  [
    "lacks its best adapter",
    ["static", "resumed", "fleet"],
    (copy) => rmSync(at(copy, "best/first"), { recursive: true }),
    /best\/first: Expected a PEFT folder/,
  ],
  ["lacks a job's end in its journal", ["static", "fleet"], line("journal.jsonl", '"job ended"', () => []), /Expected/],
  [
    "lacks its start",
    ["static", "resumed", "fleet"],
    lines("journal.jsonl", (all) => all.slice(1)),
    /Expected "started" as its first event|Expected "resumed"/,
  ],
  [
    "was begun by two processes",
    ["static", "resumed", "fleet"],
    line("journal.jsonl", '"event":"ready"', (own) => [own, startedLine, own]),
    /journal\.jsonl: Expected "resumed" behind every "started" but the first, got "ready"/,
  ],
  [
    "lacks a job",
    ["fleet"],
    lines("jobs.jsonl", (all) => all.slice(0, -1)),
    /jobs\.jsonl:2: Expected job second, which arrived/,
  ],
  [
    "lacks an action",
    ["fleet"],
    line("completions.jsonl", "[", () => []),
    /completions\.jsonl: Expected \d+ actions of stage 0/,
  ],
  [
    "has an action twice",
    ["fleet"],
    line("completions.jsonl", "[", (own) => [own, own]),
    /completions\.jsonl:2: Expected each action once/,
  ],
  [
    "lacks a piece of its plan",
    ["fleet"],
    lines("segments.jsonl", (all) => all.slice(1)),
    /(segments|completions)\.jsonl[:\d]*: Expected/,
  ],
  [
    "lacks its checkpoint",
    ["cut"],
    (copy) => rmSync(at(copy, "checkpoints"), { recursive: true }),
    /manifest\.json: Expected the checkpoint that the journal tells of/,
  ],
  [
    "has a checkpoint that is cut off",
    ["cut"],
    (copy) => {
      const journal = readFileSync(at(copy, "journal.jsonl"), "utf8");
      const name = /"event":"checkpoint","name":"([^"]+)"/.exec(journal)![1]!;
      truncateSync(at(copy, "checkpoints", name, "second.safetensors"), 100);
    },
    /second\.safetensors: Expected \d+ bytes/,
  ],
];

/** Of another process. */
const startedLine = '{"event":"started","process":1,"time":"2026-01-01T00:00:00.000Z","versions":{}}';

let copies = 0;

describe("validate finds the first fault of a run folder that", () => {
  it.each(CHANGES.flatMap(([what, runs, change, says]) => runs.map((run) => [what, run, change, says] as const)))(
    "%s (%s)",
    async (_, run, change, says) => {
      copies += 1;
      const copy = `copy-${copies}`;
      cpSync(at(run), at(copy), { recursive: true });
      change(copy);
      const { code, stderr } = await runCli(["validate", copy], root);
      expect(stderr).toMatch(says);
      expect(code).toBe(2);
      // The same check.
      expect((await runCli(["check-run", copy], root)).code).not.toBe(0);
    },
    60_000,
  );

  it("is whole finds nothing", async () => {
    for (const run of ["static", "resumed", "fleet", "cut"]) await printed(["validate", run], root);
    for (const run of ["static", "resumed", "fleet"]) await printed(["check-run", run], root);
  }, 60_000);
});
