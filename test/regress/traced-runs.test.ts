import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JournalLine } from "../../plan/index.ts";
import { emptyRun, type GoldenRun, type SeenAction } from "../../studies/index.ts";
import { type Asked, askedOf } from "../../studies/regress/invariants/asked.ts";
import { brokenInvariants } from "../../studies/regress/invariants/check-run.ts";
import { askedJobs, askedMachines } from "../../workbench/regress/asked-work.ts";
import { fieldsOf, partsOfTrace } from "../../workbench/regress/read-outputs.ts";
import { runCli } from "../cli/run-cli.ts";

const folder = mkdtempSync(path.join(tmpdir(), "loratwin-traced-"));
const file = (name: string): string => path.join(folder, name);
const read = (name: string): string => readFileSync(file(name), "utf8");

const JOBS = [
  { name: "first", steps: 6 },
  { name: "second", steps: 4, arrivalSeconds: 0.1 },
  { name: "third", steps: 3, arrivalSeconds: 0.4, priority: 1 },
];
const WORKLOAD = {
  ...{ kind: "workload", version: 1, model: { architecture: "llama-2-7b", dtype: "bfloat16" } },
  defaults: {
    batchSize: 4,
    microBatchSize: 2,
    steps: 4,
    data: { lengths: { distribution: "uniform", min: 64, max: 200 } },
  },
  jobs: JOBS,
};
const CLUSTER = `kind: cluster
version: 1
machines: [{ name: box, devices: [{ name: a0, type: RTX A6000 }, { name: a1, type: RTX A6000 }], link: { type: pcie4x16, shared: true } }]
`;

beforeAll(() => {
  writeFileSync(file("jobs.json"), JSON.stringify(WORKLOAD));
  const jobs = JOBS.map(({ name, steps }) => ({ name, steps }));
  writeFileSync(file("static.json"), JSON.stringify({ ...WORKLOAD, jobs }));
  writeFileSync(file("c.yaml"), CLUSTER);
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function simulated(workload: string, ...words: readonly string[]): Promise<GoldenRun> {
  const plain = ["--cluster", "c.yaml", "--no-intervals", "--no-cache", "--quiet", "--json"];
  const { code, stdout, stderr } = await runCli(["simulate", workload, ...words, ...plain], folder);
  expect([code, stderr]).toEqual([0, ""]);
  return { ...emptyRun("one"), metrics: JSON.parse(stdout), ...partsOfTrace(read("t.json")) };
}

function asked(workload: string, options: Readonly<Record<string, unknown>>): Asked {
  const machines = askedMachines(file("c.yaml"));
  return askedOf(options, { ...askedJobs(JSON.parse(read(workload))), ...(machines && { machines }) });
}

/** A run with some of its actions at another time. */
function moved(run: GoldenRun, is: (action: SeenAction) => boolean, byNs: number): GoldenRun {
  const actions = run.actions.map((action) =>
    is(action) ? { ...action, startNs: action.startNs + byNs, endNs: action.endNs + byNs } : action,
  );
  return { ...run, actions };
}

const isCompute = (name: RegExp) => (action: SeenAction) => action.stream === "compute" && name.test(action.name);
/** As early as no action before the first one can be. */
const EARLY = -1e12;

describe("jobs over time, action by action", () => {
  let run: GoldenRun;
  const options = { policy: "priority", pipelines: 1, "jobs-at-once": 1 };
  const faults = (change: Partial<GoldenRun>): string =>
    brokenInvariants({ ...run, ...change }, asked("jobs.json", options)).join("\n");

  beforeAll(async () => {
    const words = ["--policy", "priority", "--pipelines", "1", "--jobs-at-once", "1"];
    const files = ["-o", "j.jsonl", "--trace", "t.json", "--grown-plan", "p.json"];
    run = await simulated("jobs.json", ...words, ...files);
    const journal = read("j.jsonl").trim().split("\n");
    run = {
      ...run,
      document: JSON.parse(read("p.json")),
      journal: journal.map((line): JournalLine => JSON.parse(line)),
    };
    expect(journal.join()).toContain('"kind":"preempt"');
  });

  it("are sound as they are", () => {
    expect(faults({})).toBe("");
  });

  it("are not where an action is early, a message overtakes, or memory stays", () => {
    expect(faults(moved(run, isCompute(/^1F3$/), EARLY))).toMatch(/^1F3 starts before 0F3 has ended$/m);
    const isMessage = ({ stream, name }: SeenAction) => stream.startsWith("send") && name === "0F3";
    expect(faults(moved(run, isMessage, EARLY))).toMatch(/^the message of 0F3 leaves before it is there$/m);
    const memory = run.memory.map((sample, at) =>
      at === run.memory.length - 1 ? { ...sample, bytes: sample.bytes + 1 } : sample,
    );
    expect(faults({ memory })).toMatch(/^memory of a1 is not given back at the end$/m);
    const full = run.memory.map((sample) => ({ ...sample, bytes: 1e12 }));
    expect(faults({ memory: full })).toMatch(/^a0 holds more at a time than/m);
  });

  it("are not where a job trains while it is not there, or a step before the one before it", () => {
    // Numbers of micro-batches grow with what is decided.
    const last = Math.max(
      ...run.document!.segments.flatMap(({ microBatches }) => microBatches.map(({ index }) => index)),
    );
    expect(faults(moved(run, isCompute(new RegExp(`^0F${last}$`)), EARLY))).toMatch(
      new RegExp(`^0F${last} trains .* on pipeline 0 while it is not there$`, "m"),
    );
    const preempted = run.journal.flatMap(({ decisions }) => decisions.filter(({ kind }) => kind === "preempt"))[0]!;
    const goesOn = run.journal.find(({ decisions }) =>
      decisions.some(({ kind, name }) => kind === "resume" && name === preempted.name),
    )!;
    const resumed = run.actions.find(
      ({ name, jobs, startNs }) => /^0F/.test(name) && jobs[0] === preempted.name && startNs >= goesOn.atNs,
    )!;
    const update = run.actions.findLast(
      ({ name, jobs, startNs }) => /^0U/.test(name) && jobs.includes(preempted.name) && startNs < resumed.startNs,
    )!;
    const late = moved(run, (action) => action === update, resumed.startNs - update.startNs + 1000);
    expect(faults(late)).toContain(`${resumed.name} trains step`);
  });

  it("are not where told times of devices, rates or rows are others", () => {
    const jobs = run.metrics!.jobs.map((job) => ({ ...job, deviceSeconds: 1 }));
    expect(faults({ metrics: { ...run.metrics!, jobs } })).toMatch(/^jobs are told to have taken 3 s of devices/m);
    expect(faults({ metrics: { ...run.metrics!, tokensPerSecond: 1 } })).toMatch(
      /^the rate of tokens that is told, 1,/m,
    );
    const [first, ...rest] = run.document!.segments;
    const [one, ...others] = first!.microBatches;
    const rows = one!.rows.map(([job, row, , targets]) => [job, row, 300, targets] as const);
    const segments = [{ ...first!, microBatches: [{ ...one!, rows: rows as never }, ...others] }, ...rest];
    expect(faults({ document: { ...run.document!, segments } })).toMatch(
      /^first trains a row of 300 tokens, and has rows of 64 to 200$/m,
    );
  });
});

describe.each(["tp", "fsdp", "ddp", "interleaved", "zb-h1"])("a trace of %s", (schedule) => {
  let run: GoldenRun;
  const faults = (change: Partial<GoldenRun>): string =>
    brokenInvariants({ ...run, ...change }, asked("static.json", { schedule })).join("\n");

  beforeAll(async () => {
    run = await simulated("static.json", "--schedule", schedule, "--trace-steps", "2", "-o", "t.json");
  });

  it("is sound as it is, and not where an action is early", () => {
    expect(faults({})).toBe("");
    for (const name of [/^1F0$/, /^0[BI]1$/, /^0U\d+$/])
      expect(faults(moved(run, isCompute(name), EARLY))).toMatch(/ starts before /);
    const second = run.actions.find(
      ({ name, step, stream }) => /^0F/.test(name) && step === 1 && stream === "compute",
    )!;
    expect(faults(moved(run, (action) => action.name === second.name, EARLY))).toMatch(/ starts before /);
  });

  it("is not where messages are late, or more of them than a link carries", () => {
    const isMessage = ({ stream, kind, name }: SeenAction) =>
      stream !== "compute" && kind !== "all-gather" && /F0$|B0$|I0$/.test(name);
    expect(faults(moved(run, isMessage, 1e12))).toMatch(/ starts before /);
    const [message] = run.actions.filter(({ stream }) => stream.startsWith("send"));
    const actions = run.actions.map((action) =>
      action.stream.startsWith("send") && action.name === message!.name ? { ...action, bytes: 1e12 } : action,
    );
    expect(faults({ actions })).toMatch(/^the link carries \d+ bytes/m);
  });

  it("is not where memory stays or is more than is told, or tokens are others", () => {
    const { memory, metrics } = run;
    const stays = memory.map((sample, at) =>
      at === memory.length - 1 ? { ...sample, bytes: sample.bytes + 1 } : sample,
    );
    expect(faults({ memory: stays })).toMatch(/is not given back at the end$/m);
    const devices = metrics!.devices!.map((device) => ({ ...device, peakMemoryBytes: 1 }));
    expect(faults({ metrics: { ...metrics!, devices } })).toMatch(/^a0 holds \d+ bytes, and is told to hold 1$/m);
    expect(faults({ metrics: { ...metrics!, tokens: 2 * metrics!.tokens! } })).toMatch(/tokens\/s are told, and/);
    const twice = { tokens: 3 * metrics!.tokens!, tokensPerSecond: 3 * metrics!.tokensPerSecond };
    expect(faults({ metrics: { ...metrics!, ...twice } })).toMatch(
      /^\d+ tokens are told, and 3328 to 10400 are asked for$/m,
    );
  });
});

describe("what a workload's file asks for", () => {
  it("has points of sweeps by their number, without the values that are swept", () => {
    const { jobs, sweeps } = askedJobs({
      defaults: { steps: 5, batchSize: 4, data: { lengths: { distribution: "lognormal", mean: 100, max: 900 } } },
      jobs: [
        { name: "grid", sweep: { grid: { adapter: { rank: [4, 8] }, batchSize: [2, 4, 8] } } },
        { name: "drawn", steps: 7, sweep: { random: { count: 9, over: { optimizer: { learningRate: [1, 2] } } } } },
        { name: "plain", cutoffLength: 1024 },
      ],
    });
    expect(sweeps).toEqual([
      { name: "grid", numJobs: 6, steps: 5, rowTokens: [1, 512] },
      { name: "drawn", numJobs: 9, steps: 7, batchSize: 4, rowTokens: [1, 512] },
    ]);
    expect(jobs).toEqual([{ name: "plain", steps: 5, batchSize: 4, rowTokens: [1, 900] }]);
    expect(askedJobs({ jobs: [{ name: "one" }], arrivals: {} })).toEqual({});
  });

  it("has each job and each point", () => {
    const run = { ...emptyRun("one"), metrics: { jobs: [{ name: "a-1", turnaroundSeconds: 1 }] } as never };
    expect(brokenInvariants(run, askedOf({}, { sweeps: [{ name: "a", numJobs: 2 }] }))).toEqual([
      "a has 1 jobs, and asks for 2",
    ]);
  });
});

describe("figures of documents", () => {
  it("are found as deep as they are, and where lists are empty", () => {
    const documents = [
      { a: { b: { c: { d: 1 } } }, list: [] },
      {
        a: { b: { c: { d: 2, e: 3 } } },
        list: [
          { x: 1, y: { z: 1 } },
          { x: 2, y: { z: 2 } },
        ],
      },
    ];
    expect(fieldsOf(documents, "j")).toEqual(
      "j.a j.a.b j.a.b.c j.a.b.c.d j.list j.list[].x j.list[].y j.list[].y.z".split(" "),
    );
  });
});
