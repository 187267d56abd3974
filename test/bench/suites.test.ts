// @module-tag slow

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import type { CaseRecord } from "../../bench/case-record.ts";
import { whyNoMpi } from "../../bench/machines/mpi-run.ts";
import { whyNoNamespaces } from "../../bench/machines/namespaces.ts";
import type { Measurement } from "../../bench/measurement.ts";
import { readResults } from "../../bench/results-file.ts";
import { measurementsOf, runSuite } from "../../bench/run-suite.ts";
import { SUITES } from "../../bench/suites/suites.ts";
import { resultTables } from "../../bench/table.ts";
import { packageFile } from "../../files/index.ts";
import { isNightly } from "../level.ts";
import { publishedFiles } from "./published-files.ts";

const NO_PYTHON = path.join(import.meta.dirname, "no-python");

interface TinyResult {
  readonly measurements: readonly Measurement[];
  readonly written: readonly CaseRecord[];
  readonly notes: readonly string[];
}
const known = new Map<keyof typeof SUITES, Promise<TinyResult>>();

/** A suite's result, made once. */
function tiny(name: keyof typeof SUITES): Promise<TinyResult> {
  const result = known.get(name) ?? runTiny(name);
  known.set(name, result);
  return result;
}

async function runTiny(name: keyof typeof SUITES): Promise<TinyResult> {
  const notes: string[] = [];
  const python = process.env["LORATWIN_PYTHON"];
  process.env["LORATWIN_PYTHON"] = NO_PYTHON;
  const folder = mkdtempSync(path.join(tmpdir(), "loratwin-bench-"));
  const file = path.join(folder, "results.jsonl");
  try {
    const outcomes = await runSuite(name, SUITES[name], {
      scale: "tiny",
      fresh: false,
      budgetSeconds: Number.POSITIVE_INFINITY,
      file,
      command: "npm run bench",
      note: (text) => void notes.push(text),
      progress: { begins: () => {}, ends: () => {} },
      isInterrupted: () => false,
      ...(name === "external" ? { place: publishedFiles() } : {}),
    });
    return { measurements: measurementsOf(outcomes), written: readResults(file), notes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
    if (python === undefined) delete process.env["LORATWIN_PYTHON"];
    else process.env["LORATWIN_PYTHON"] = python;
  }
}

function namesOf(measurements: readonly Measurement[]): readonly string[] {
  return [...new Set(measurements.map(({ name }) => name))].sort();
}

const hasMachines = (whyNoMpi(packageFile("native", "build")) ?? whyNoNamespaces()) === undefined;

/** What each suite says, without PyTorch and without what needs a process of its own. */
const NAMES: Readonly<Record<keyof typeof SUITES, readonly string[]>> = {
  checkpoints: [
    "at most",
    "of the default interval",
    "runs with the same bytes",
    "steps of all jobs made again, median",
    "time that one takes",
    "written in",
  ],
  soak: [
    "asked of jobs",
    "cancelled",
    "ended",
    "growth",
    "growth of the lowest tenth",
    "jobs",
    "memory after warm-up",
    "memory after warm-up, lowest tenth",
    "memory at the end",
    "memory at the end, lowest tenth",
    "preempted",
    "stopped, diverged",
  ],
  kernels: [
    "alone",
    "copy bandwidth",
    "moved",
    "of the base products' time",
    "rate",
    "read bandwidth",
    "register peak",
  ],
  training: [
    "loratwin",
    "model arithmetic",
    "of the step",
    "peak memory",
    "practical ceiling",
    "time",
    "waiting for JavaScript",
  ],
  adapters: ["fused", "fused against one after another", "one after another", "rate of products", "read bandwidth"],
  pipeline: ["busy, stage 0 to 1", "one device", "steady bubble", "two against one", "two devices"],
  machines: hasMachines
    ? [
        "beside them devices computed, or had nothing to",
        "clock error at most",
        "core of a rank that waits",
        "executed",
        "hidden by the schedule",
        "killed rank: stopped after, at most",
        "messages in it",
        "resumed to the same bytes",
        "simulated",
        "simulated against executed",
      ]
    : [],
  memory: ["measured peak", "planned"],
  planning: ["predicted run", "time to plan"],
  "side-by-side": [
    "one pipeline of two devices",
    "pipelines chosen",
    "predicted, one",
    "predicted, two",
    "same bytes trained",
    "time lost by the choice",
    "two pipelines of one",
  ],
  simulator: [
    "peak memory",
    "peak memory with it",
    "plan",
    "simulate",
    "times alone",
    "trace as text",
    "trace file",
    "trace read once",
    "with the trace",
    "write",
  ],
  growing: [
    "bubble with jobs that come and go",
    "bubble with jobs that stay",
    "come and go, more than stay",
    "executed: actions",
    "executed: memory at the end",
    "executed: memory at the end against after a fifth",
    "simulated: events",
    "simulated: jobs that come and go",
    "simulated: jobs that stay",
    "simulated: memory at the end",
    "simulated: memory at the end against after a fifth",
  ],
  fleet: [
    "95 %",
    "all",
    "by priority",
    "decisions",
    "first",
    "longest",
    "median",
    "peak memory",
    "plan",
    "preemptions",
    "processor time",
    "read",
    "refused",
    "simulate",
    "turnaround",
    "turnaround against fifo, all trained",
    "useful",
    "useful against fifo, all trained",
    "utilisation",
  ],
  "thousand-adapters": [
    "a step",
    "answer",
    "answered in",
    "decision, 99 %",
    "decision, median",
    "device planned against executed",
    "longest checkpoint",
    "resumed to its first step in",
    "same bytes",
    "simulated, 99 %",
    "simulated, median",
    "states in memory",
    "states in memory, by its decisions",
    "states in memory, simulated",
    "states on disk",
    "states on disk, by its decisions",
    "states on disk, simulated",
    "step predicted, speed out",
  ],
  parity: [
    "decided otherwise",
    "decisions",
    "in another order",
    "in another order, tied",
    "making way, against that",
    "making way, speed out",
    "mean, speed out",
    "one after the other",
    "preemptions",
    "slower than calibrated",
    "turnaround error, mean as it is",
    "worst, speed out",
  ],
  "early-stopping": [
    "could be saved",
    "end in its interval",
    "given up",
    "given up at most",
    "healthy",
    "healthy, stopped",
    "hopeless",
    "hopeless, found",
    "in all",
    "saved",
    "saved, rightly",
    "stopped",
    "stopped rightly",
  ],
  search: [
    "base",
    "best evaluation loss",
    "best loss above that of the grid",
    "device time",
    "device time, share of one after another",
    "executed",
    "predicted / device time",
    "predicted share of one after another",
    "second run / first",
  ],
  "gpu-bytes": [
    "again",
    "all",
    "all in",
    "conflicts",
    "launches",
    "least",
    "mma in",
    "of it again",
    "once",
    "once in",
    "read",
    "shared",
    "shared in",
    "written",
  ],
  start: [
    "--version",
    "Node alone",
    "around the training, cold",
    "around the training, warm",
    "cold",
    "cold, to one job",
    "first action, cold",
    "first action, warm",
    "first step of a queue",
    "peak memory at that",
    "warm",
    "warm, to one job",
  ],
  external: ["mean", "median", "p90", "worst"],
  regress: ["blocked", "cause named", "said of golden workloads"],
  "fleet-coverage": [
    "ends before",
    "ends inside",
    "ends inside, all fleets so far",
    "foretold in",
    "jobs",
    "starts inside",
    "starts inside, all fleets so far",
    "width of an end, median",
  ],
  coverage: [
    "calibration's age",
    "coverage, as it has been",
    "error as it is",
    "error, machine's speed taken out",
    "executed",
    "inside, as it has been",
    "interrupted",
    "lower end, as it has been",
    "median error as it is",
    "median error, speed out",
    "median width, as it has been",
    "predicted",
    "products slower",
    "upper end, as it has been",
    "width, as it has been",
    "worst as it is",
    "worst, speed out",
  ],
  generation: [
    "8 adapters, fused",
    "8 adapters, one after another",
    "base",
    "base, of the limit",
    "fused against one after another",
    "limit: the weights read once a token",
  ],
  tokenizing: ["loratwin data, threads", "loratwin, one thread"],
  twin: [
    "makespan",
    "makespan error",
    "makespan error, calibrated before",
    "makespan error, medians replayed",
    "mean action error",
    "mean action error, single runs",
    "peak memory, measured to planned",
    "weighted action error",
  ],
};

/** Those that take longest, even at their tiniest; what they run has tests of its own. */
const LONG: readonly string[] = [
  ...["checkpoints", "coverage", "fleet", "gpu-bytes", "kernels", "machines", "parity", "pipeline", "planning"],
  ...["side-by-side", "soak", "start", "twin"],
];

test.each((Object.keys(SUITES) as (keyof typeof SUITES)[]).filter((name) => isNightly || !LONG.includes(name)))(
  "%s measures what its table shows, and writes each case as a line that reads back",
  async (name) => {
    const { measurements, written } = await tiny(name);
    expect(namesOf(measurements)).toEqual(NAMES[name]);
    expect(measurements.every(({ value }) => Number.isFinite(value))).toBe(true);
    expect(written.flatMap((record) => record.measurements)).toEqual(measurements);
    expect(new Set(written.map((record) => record.case)).size).toBe(written.length);

    const tables = resultTables(measurements);
    for (const { name: column } of measurements) expect(tables).toContain(column);
  },
  400_000,
);

test.each(Object.keys(SUITES) as (keyof typeof SUITES)[])(
  "%s counts with less than ten minutes on two slow cores, in cases of three minutes at most",
  async (name) => {
    const place = name === "external" ? { place: publishedFiles() } : {};
    const cases = await SUITES[name].cases({ scale: "default", note: () => {}, ...place });
    expect(cases.reduce((sum, { seconds }) => sum + seconds, 0)).toBeLessThanOrEqual(500);
    for (const { seconds } of cases) expect(seconds).toBeLessThanOrEqual(180);
  },
);

test("without PyTorch the training suite says so and gives its own numbers", async () => {
  const { notes, measurements } = await tiny("training");
  expect(notes[0]).toMatch(/^No PyTorch in .*: only loratwin's own numbers/);
  expect(measurements.some(({ name }) => name.includes("PyTorch"))).toBe(false);
});

test("planned memory is what is measured", async () => {
  const { measurements } = await tiny("memory");
  for (const { limit } of measurements) if (limit !== undefined) expect(limit.share).toBeLessThanOrEqual(1);
});
