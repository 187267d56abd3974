import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { emptyRun, type GoldenRun, type SeenAction } from "../../studies/index.ts";
import { askedOf } from "../../studies/regress/invariants/asked.ts";
import { brokenInvariants } from "../../studies/regress/invariants/check-run.ts";
import { partsOfTrace } from "../../workbench/regress/read-outputs.ts";
import { runCli } from "../cli/run-cli.ts";
import { fleetRun } from "./small-runs.ts";

const WORKLOAD = `kind: workload
version: 1
model: { architecture: llama-2-7b, dtype: bfloat16 }
defaults: { batchSize: 2, microBatchSize: 1, steps: 3, data: { lengths: 64 }, evaluation: { share: 0.5, everySteps: 2 } }
jobs: [{ name: one }, { name: two }]
`;
const CLUSTER = `kind: cluster
version: 1
machines:
  - { name: left, devices: [{ name: l0, type: RTX 3090 }] }
  - { name: right, devices: [{ name: r0, type: RTX 3090 }] }
network: { bandwidthBytesPerSecond: 125000000, latencySeconds: 0.001 }
`;
const JOBS = ["one", "two"].map((name) => ({
  name,
  steps: 3,
  batchSize: 2,
  rowTokens: [64, 64] as const,
  everySteps: 2,
}));
const folder = mkdtempSync(path.join(tmpdir(), "loratwin-invariants-"));
let run: GoldenRun;

beforeAll(async () => {
  writeFileSync(path.join(folder, "w.yaml"), WORKLOAD);
  writeFileSync(path.join(folder, "c.yaml"), CLUSTER);
  const words = ["--no-intervals", "--no-cache", "--quiet", "--json"];
  const plan = await runCli(
    ["plan", "w.yaml", "--cluster", "c.yaml", "--pipelines", "1", ...words, "-o", "p.json"],
    folder,
  );
  const simulated = await runCli(["simulate", "p.json", ...words, "-o", "t.json"], folder);
  run = {
    ...emptyRun("one"),
    plan: JSON.parse(plan.stdout),
    document: JSON.parse(readFileSync(path.join(folder, "p.json"), "utf8")),
    metrics: JSON.parse(simulated.stdout),
    ...partsOfTrace(readFileSync(path.join(folder, "t.json"), "utf8")),
  };
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function faults(change: Partial<GoldenRun>, options: Readonly<Record<string, unknown>> = {}): string {
  return brokenInvariants({ ...run, ...change }, askedOf(options, { jobs: JOBS })).join("\n");
}

/** The run with one of its actions at another time. */
function moved(is: (action: SeenAction) => boolean, byNs: number): Partial<GoldenRun> {
  const place = run.actions.findIndex(is);
  const actions = run.actions.map((action, index) =>
    index === place ? { ...action, startNs: action.startNs + byNs, endNs: action.endNs + byNs } : action,
  );
  return { actions };
}

describe("of a planned run", () => {
  it("nothing is wrong as it is", () => {
    expect(faults({})).toBe("");
  });

  it("a start before its message is, and a message before it is made", () => {
    const onStage = (name: string, stream: RegExp) => (action: SeenAction) =>
      action.name === name && stream.test(action.stream);
    expect(faults(moved(onStage("1F0", /^compute/), -1e6))).toMatch(
      /^1F0 starts before the message of 0F0 has arrived$/m,
    );
    expect(faults(moved(onStage("0F0", /^send/), -1e6))).toMatch(/^the message of 0F0 leaves before it is there$/m);
  });

  it("more in flight than is planned or asked for is, and more jobs at once", () => {
    expect(faults({}, { "max-in-flight": 1 })).toMatch(
      /micro-batches are in flight on stage 0, where 1 may be, as is asked for$/m,
    );
    expect(faults({}, { "jobs-at-once": 1 })).toMatch(/^one, two train at once, where 1 may$/m);
  });

  it("a link that carries more than it can is", () => {
    const actions = run.actions.map((action) =>
      action.stream.startsWith("send") ? { ...action, bytes: 10 * action.bytes } : action,
    );
    expect(faults({ actions })).toMatch(/^network carries \d+ bytes from \S+ to \S+, in time for \d+$/m);
  });

  it("memory that is not given back is, and more than a device has", () => {
    expect(faults({ memory: run.memory.slice(0, -1) })).toMatch(/^memory of \w\d is not given back at the end$/m);
    const { setting } = run.document!;
    const devices = setting.devices.map((device) => ({ ...device, memoryBytes: 1e9 }));
    expect(faults({ document: { ...run.document!, setting: { ...setting, devices } } })).toMatch(
      /^l0 is to hold \d+ bytes, and has 1000000000$/m,
    );
  });

  it("figures that do not follow from its actions are", () => {
    const { metrics } = run;
    expect(faults({ metrics: { ...metrics!, makespanSeconds: 0.9 * metrics!.makespanSeconds } })).toMatch(
      /^the time that is told, .* is not that of the last action/m,
    );
    expect(faults({ metrics: { ...metrics!, tokensPerSecond: 1 } })).toMatch(/^1 tokens\/s are told/m);
  });

  it("rows, steps and evaluations that are not asked for are", () => {
    const fault = (change: object) =>
      brokenInvariants(run, askedOf({}, { jobs: [{ ...JOBS[0]!, ...change }, JOBS[1]!] })).join("\n");
    expect(fault({ steps: 4 })).toBe("one trains 3 steps, and asks for 4");
    expect(fault({ batchSize: 3 })).toBe("one trains 2 rows in step 0, and asks for 3");
    expect(fault({ rowTokens: [65, 80] })).toBe("one trains a row of 64 tokens, and has rows of 65 to 80");
    expect(fault({ everySteps: 1 })).toBe("one is evaluated after steps 1, 2, and asks for 0, 1, 2");
  });
});

describe("of jobs over time", () => {
  const jobs = [
    { name: "first", at: 0, from: 0, to: 10 },
    { name: "second", at: 1, from: 10, to: 20 },
  ];
  const fleet = (change: Partial<GoldenRun> = {}, options: Readonly<Record<string, unknown>> = {}): string =>
    brokenInvariants({ ...fleetRun(jobs), ...change }, askedOf(options)).join("\n");

  it("nothing is wrong as it is", () => {
    expect(fleet()).toBe("");
  });

  it("a start before the arrival is, two jobs where one may train, and an end with iterations left", () => {
    const overlapping = fleetRun([jobs[0]!, { ...jobs[1]!, from: 5 }]);
    expect(brokenInvariants(overlapping, askedOf({ "jobs-at-once": 1 })).join("\n")).toMatch(
      /^2 jobs train at once on a pipeline, where 1 may$/m,
    );
    const early = fleetRun([jobs[0]!, { ...jobs[1]!, from: 0.5 }]);
    expect(brokenInvariants(early, askedOf({})).join("\n")).toMatch(/^second is decided on before it comes$/m);
    const { journal } = fleetRun(jobs);
    const untold = journal.map((line) => ({ ...line, events: line.events.filter(({ kind }) => kind !== "progress") }));
    expect(fleet({ journal: untold })).toMatch(/^first ends after 0 of 5 iterations$/m);
  });

  it("figures that are not those of the journal are", () => {
    const { metrics } = fleetRun(jobs);
    expect(fleet({ metrics: { ...metrics!, makespanSeconds: 19 } })).toBe(
      "the time that is told, 19, is not that of the journal, 20",
    );
    const outcomes = metrics!.jobs.map((job) => ({ ...job, trainedNs: 1 }));
    expect(fleet({ metrics: { ...metrics!, jobs: outcomes } })).toMatch(/^first is told to have trained 1 ns/);
  });

  it("an arrival, a priority or a length that is not asked for is", () => {
    const asked = askedOf({}, { jobs: [{ name: "second", arrivalSeconds: 2 }] });
    expect(brokenInvariants(fleetRun(jobs), asked).join("\n")).toBe("second comes at another time than is asked for");
  });
});
