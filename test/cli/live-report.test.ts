import { appendFileSync, cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, it } from "vitest";
import type { FleetPageData } from "../../reports/index.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";
import { writeSmallInputs } from "./small-inputs.ts";

const root = temporaryFolder();
const at = (...names: readonly string[]): string => path.join(root, ...names);

/** A long job that an urgent one interrupts, and one that waits until somebody cancels it. */
function writeWorkload(): void {
  const defaults = {
    data: { path: "rows.jsonl", format: "tokens" },
    ...{ batchSize: 4, microBatchSize: 2, adapter: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj"] } },
  };
  const jobs = [
    { name: "long", steps: 400 },
    { name: "waits", steps: 20, arrivalSeconds: 0.05 },
    { name: "urgent", steps: 30, priority: 5, arrivalSeconds: 0.2 },
  ];
  const document = { kind: "workload", version: 1, model: { path: "model" }, defaults, jobs };
  writeFileSync(at("jobs.json"), JSON.stringify(document));
}

/** Lines of a file of the fleet's folder. */
function linesOf(folder: string, name: string): readonly string[] {
  return readFileSync(at(folder, name), "utf8").trimEnd().split("\n");
}

function pageData(file: string): FleetPageData {
  const [, json] = /<script type="application\/json" id="report-data">(.*?)<\/script>/s.exec(
    readFileSync(at(file), "utf8"),
  )!;
  return JSON.parse(json!) as FleetPageData;
}

async function cancelSoon(): Promise<void> {
  for (let tries = 0; tries < 3000; tries += 1) {
    const journal = at("fleet", "journal.jsonl");
    if (existsSync(journal) && readFileSync(journal, "utf8").includes('"name":"urgent","pipeline"')) break;
    await sleep(20);
  }
  await printed(["cancel", "fleet", "waits"], root);
}

beforeAll(async () => {
  process.env["XDG_CACHE_HOME"] = at("cache");
  await writeSmallInputs(root);
  writeWorkload();
  // Slower than any machine, so that the twin has not trained who is cancelled.
  const seconds = { F: 0.01, B: 0.02, transfer: 0, update: 0 };
  writeFileSync(at("slow.json"), JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds }));
  const on = ["--devices", "cpu:0", "--calibration", "slow.json", "--jobs-at-once", "1"];
  const serve = ["serve", "jobs.json", ...on, "--policy", "priority"];
  const [fleet] = await Promise.all([runCli([...serve, "-o", "fleet", "--once"], root), cancelSoon()]);
  expect(fleet.code).toBe(0);
}, 120_000);

describe("report of a live fleet's folder", () => {
  it("shows what was executed beside its twin, with losses and the error of every turnaround", async () => {
    const document = JSON.parse(await printed(["report", "fleet", "-o", "fleet.html", "--json"], root)) as {
      readonly turnaroundErrors: Readonly<Record<string, number | null>>;
      readonly decisions: number;
      readonly sameDecisions: number;
    };
    const { fleets, comparison, facts } = pageData("fleet.html");
    const [executed, twin] = fleets;
    expect(fleets.map(({ title }) => title)).toEqual(["executed", "simulated"]);
    expect(executed!.jobs.map(({ name, outcome, done }) => [name, outcome, done])).toEqual([
      ["long", "ended", 400],
      ["waits", "stopped", 0],
      ["urgent", "ended", 30],
    ]);
    expect(twin!.jobs.map(({ name, outcome, done }) => [name, outcome, done])).toEqual(
      executed!.jobs.map(({ name, outcome, done }) => [name, outcome, done]),
    );
    expect(executed!.losses!.map(({ job, loss }) => [job, loss.length])).toEqual([
      [0, 400],
      [2, 30],
    ]);
    expect(twin!.losses).toBeUndefined();
    // What every single action takes is not what iterations take on average.
    for (const { figures } of fleets)
      expect(figures.find(({ name }) => name === "Beside what no scheduler can beat")!.text).toBe("–");
    expect(facts).toContainEqual({ label: "Policy", value: "priority" });
    executed!.jobs.forEach(({ name, turnaroundNs }, job) => {
      const simulatedNs = twin!.jobs[job]!.turnaroundNs;
      expect(comparison!.twinNs[job]).toBe(simulatedNs);
      expect(document.turnaroundErrors[name]).toBeCloseTo(simulatedNs / turnaroundNs - 1, 12);
    });
    expect(document.decisions).toBeGreaterThanOrEqual(6);
    expect(document.sameDecisions).toBeLessThanOrEqual(document.decisions);
  });

  it("has a twin under another policy where somebody asks for one", async () => {
    const other = ["report", "fleet", "-o", "fifo.html", "--policy", "fifo", "--title", "what if", "--json"];
    const { parted } = JSON.parse(await printed(other, root)) as { readonly parted: unknown };
    expect(parted).toMatchObject({
      executed: { job: "long", kind: "leave", laterSeconds: expect.any(Number) },
      simulated: { kind: expect.any(String) },
      hung: { whyNot: null, executed: { makespanSeconds: expect.any(Number) } },
    });
    const { title, facts, comparison } = pageData("fifo.html");
    expect(title).toBe("what if");
    expect(facts).toContainEqual({ label: "Policy of the twin", value: "fifo" });
    expect(comparison!.story[0]!.heading).toMatch(/^The first 1 of \d+ decisions are the same/);
    expect(comparison!.story[1]!.heading).toMatch(/^What hung on it: the simulator went on/);
    // What it says to go on with is about the same twin.
    expect(await printed(other.slice(0, -1), root)).toMatch(/^`loratwin compare fleet --policy fifo` takes/m);
    expect(await printed(["report", "fleet", "-o", "own.html"], root)).toMatch(/^`loratwin compare fleet` takes/m);
  });

  it("tells of a fleet that was cut off as far as it was written", async () => {
    cpSync(at("fleet"), at("cut"), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const journal = linesOf("fleet", "journal.jsonl");
    const until = journal.findIndex((line) => line.includes('"kind":"preempt"'));
    writeFileSync(at("cut", "journal.jsonl"), `${journal.slice(0, until + 1).join("\n")}\n{"line":`);
    const metrics = linesOf("fleet", "metrics.jsonl").slice(0, 60);
    writeFileSync(at("cut", "metrics.jsonl"), `${metrics.join("\n")}\n`);
    const { code, stdout } = await runCli(["report", "cut", "-o", "cut.html"], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^report written to cut\.html\nbeside its twin: /);
    const { fleets } = pageData("cut.html");
    expect(fleets[0]!.jobs.map(({ outcome }) => outcome)).not.toContain("ended");
    // The twin trains who has come to the end.
    expect(fleets[1]!.jobs.map(({ outcome }) => outcome)).toContain("ended");
    const checked = await runCli(["validate", "cut"], root);
    expect(checked.code).toBe(0);
    expect(checked.stderr).toMatch(/was not written to its end/);
    expect(checked.stderr).toMatch(/the fleet (goes on|was cut off)/);
  });

  it("is of a journal that tells what was asked of a job, and when", async () => {
    const told = linesOf("fleet", "journal.jsonl").filter((line) => line.includes('"kind":"stop"'));
    // Before anybody was told that it will be so, and when it was decided on.
    expect(told[0]).toMatch(/^\{"ask":\{"by":"user",.*"event":"asked","job":"waits"/);
    expect(told[1]).toMatch(/"by":"user",[^}]*"askedNs":\d+/);
    expect(await printed(["explain", "fleet", "waits"], root)).toMatch(/cancelled/);
  });

  it.runIf(process.platform === "linux")("tells what JavaScript did on the cores of its devices, and for what", () => {
    const told = linesOf("fleet", "journal.jsonl").find((line) => line.includes('"event":"own work"'))!;
    const { actions, segments, decided, seconds, otherSeconds, lostSeconds, mainSeconds, cores } = JSON.parse(told);
    expect(segments).toBe(linesOf("fleet", "segments.jsonl").length);
    expect(actions).toBe(linesOf("fleet", "completions.jsonl").filter((line) => line.includes('"compute"')).length);
    expect(decided).toBeGreaterThanOrEqual(6);
    expect(seconds).toBeGreaterThanOrEqual(0.8 * mainSeconds);
    expect(cores).toBeGreaterThanOrEqual(1);
    // Of a fleet that is long enough to tell, it is kept for the machine.
    const kept = linesOf("cache", "loratwin/own-work.jsonl").map((line) => JSON.parse(line));
    expect(segments).toBeGreaterThanOrEqual(100);
    const lost = Math.min(seconds, (lostSeconds * seconds) / (seconds + otherSeconds));
    expect(kept).toMatchObject([{ perActionSeconds: lost / actions, burstSeconds: lost / segments, cores }]);
  });

  it("is by itself, and no trace", async () => {
    const both = await runCli(["report", "fleet", "fleet", "-o", "x.html"], root);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringMatching(/Expected a live fleet's folder by itself/) });
    const compared = await runCli(["compare", "fleet", "fleet"], root);
    expect(compared).toMatchObject({ code: 2, stderr: expect.stringMatching(/`loratwin compare fleet`/) });
    const plan = await runCli(["report", "fleet", "-o", "x.html", "--plan", "p.json"], root);
    expect(plan).toMatchObject({ code: 2, stderr: expect.stringMatching(/Expected traces for --plan p.json/) });
  });
});

describe("compare of a live fleet's folder", () => {
  interface Compared {
    readonly sameDecisions: number;
    readonly decisions: number;
    readonly parted: {
      readonly hung: { readonly whyNot: string | null; readonly executed: Way; readonly simulated: Way };
    } | null;
    readonly decidedAnew: Errors;
    readonly decidedSame: Errors;
    readonly jobs: readonly { readonly job: string; readonly decidedSame: number | null }[];
  }
  type Way = { readonly meanTurnaroundSeconds: number; readonly endSeconds: Readonly<Record<string, number>> };
  type Errors = Readonly<Record<"asCalibrated" | "speedOut", { readonly mean: number; readonly makespan: number }>>;

  it("tells the simulator's own error from that of decisions that part", async () => {
    const document = JSON.parse(await printed(["compare", "fleet", "--json"], root)) as Compared;
    expect(document.jobs.map(({ job }) => job)).toEqual(["long", "waits", "urgent"]);
    const { decidedSame } = document;
    // The calibration is of no machine: what the actions took is all that is known of its speed.
    expect(Math.abs(decidedSame.asCalibrated.makespan)).toBeGreaterThan(0.3);
    expect(decidedSame.speedOut.mean).toBeLessThan(decidedSame.asCalibrated.mean);
    const text = await printed(["compare", "fleet"], root);
    expect(text).toMatch(/^with the run's decisions +[\d.]+ % /m);
    expect(text).toMatch(/^(All \d+ decisions are the same|The first \d+ of \d+ decisions are the same)/m);
  });

  it("says which decision parts first, how close it was, and what hung on it", async () => {
    const text = await printed(["compare", "fleet", "--policy", "fifo"], root);
    expect(text).toMatch(/^decided anew by fifo /m);
    expect(text).toMatch(/^Decided anew by fifo, with the machine's speed taken out:$/m);
    expect(text).toMatch(/^The first 1 of \d+ decisions are the same in the twin, which made \d+\. Then they part:$/m);
    expect(text).toMatch(/^ {2}executed: leave long on pipeline 0 at /m);
    expect(text).toMatch(/^ {2}in the (run|twin), what the (run|twin) decided there /m);
    const { parted } = JSON.parse(await printed(["compare", "fleet", "--policy", "fifo", "--json"], root)) as Compared;
    expect(parted).toMatchObject({ executed: { job: "long", kind: "leave" } });
    // With the run's decision `urgent` does not wait for `long`, whatever follows.
    const { whyNot, executed, simulated } = parted!.hung;
    expect(whyNot).toBeNull();
    expect(Object.keys(executed.endSeconds)).toEqual(["long", "urgent", "waits"]);
    expect(executed.endSeconds["urgent"]).toBeLessThan(simulated.endSeconds["urgent"]!);
    expect(executed.endSeconds["long"]).toBeGreaterThan(simulated.endSeconds["long"]!);
    expect(text).toMatch(/^What hung on it: the simulator went on from there with each of the two decisions\.$/m);
    expect(text).toMatch(/^ {2}with the run's decision a job takes [\d.]+ m?s on average \([+-][\d.]+ %\), all jobs /m);
    expect(text).toMatch(/^ {2}with the run's decision these end sooner: urgent by [\d.]+ m?s/m);
  });

  it("fails above --max-error, and refuses a folder by itself that is no fleet's", async () => {
    const { code, stderr } = await runCli(["compare", "fleet", "--max-error", "0"], root);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/with the run's decisions turnarounds are [\d.]+ % off/)]);
    expect((await runCli(["compare", "fleet", "--max-error", "9"], root)).code).toBe(0);
    expect(await runCli(["compare", "fleet", "--max-error", "-1"], root)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/Expected a number of at least 0 at --max-error, got -1/),
    });
    expect(await runCli(["compare", "slow.json"], root)).toMatchObject({ code: 2 });
    expect((await runCli(["compare", "fleet", "-o", "x.html"], root)).stderr).toMatch(/`loratwin report RUN -o PAGE`/);
  });

  it("says where a journal ends before its fleet does, and what it lacks", async () => {
    type Journal = { readonly journal: object | null };
    const journalOf = async (folder: string) =>
      (JSON.parse(await printed(["compare", folder, "--json"], root)) as Journal).journal;
    const whole = linesOf("fleet", "journal.jsonl");
    const isOfScheduler = (line: string): boolean => line.includes('"decisions"');
    const cut = (name: string, lines: readonly string[], rest = ""): string => {
      cpSync(at("fleet"), at(name), { recursive: true, filter: (source) => !source.endsWith(".sock") });
      writeFileSync(at(name, "journal.jsonl"), `${lines.join("\n")}\n${rest}`);
      return name;
    };
    expect(await journalOf("fleet")).toBeNull();

    const half = whole.slice(0, 1 + whole.findIndex((line) => line.includes('"event":"job ended"')));
    const last = JSON.parse(half.findLast(isOfScheduler)!) as { readonly line: number; readonly atNs: number };
    const early = { endsAtLine: last.line, endsAtSeconds: last.atNs / 1e9, goesOn: false, missing: [] };
    expect(await journalOf(cut("half", half))).toEqual({ ...early, tornLine: null });
    const text = await printed(["compare", "half"], root);
    expect(text).toMatch(new RegExp(`^The journal ends at line ${last.line}, .* after the fleet's\\s+start`));
    expect(text).toMatch(/^[12] of 3 jobs were over by then; the errors are of these\.$/m);

    expect(await journalOf(cut("broken", half, '{"line":'))).toEqual({ ...early, tornLine: half.length + 1 });
    expect(await printed(["compare", "broken"], root)).toContain(`Line ${half.length + 1} of the file was not written`);

    // One that tells of no arrival and no end.
    const gone = whole.findIndex((line) => isOfScheduler(line) && line.includes('"kind":"preempt"'));
    const { line } = JSON.parse(whole[gone]!) as { readonly line: number };
    const missing = [[line, line]];
    expect(await journalOf(cut("gap", whole.toSpliced(gone, 1)))).toMatchObject({ endsAtLine: null, missing });
    expect(await printed(["compare", "gap"], root)).toContain(`Line ${line} is missing in the journal`);
  });

  it("refuses an ended fleet whose devices did not report all, and takes one that reports of a segment to come", async () => {
    const copy = (name: string): void => {
      cpSync(at("fleet"), at(name), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    };
    copy("lacking");
    writeFileSync(
      at("lacking", "completions.jsonl"),
      `${linesOf("fleet", "completions.jsonl").slice(0, 10).join("\n")}\n`,
    );
    const { code, stderr } = await runCli(["compare", "lacking"], root);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/completions\.jsonl: Expected \d+ actions of stage 0, got/),
    ]);

    copy("short");
    const known = linesOf("fleet", "segments.jsonl").slice(0, -2);
    writeFileSync(at("short", "segments.jsonl"), `${known.join("\n")}\n`);
    const short = await runCli(["compare", "short"], root);
    expect(short).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/Expected what a device of the plan reported/),
    });

    copy("ahead");
    const journal = linesOf("fleet", "journal.jsonl");
    const half = journal.slice(0, 1 + journal.findIndex((line) => line.includes('"event":"job ended"')));
    writeFileSync(at("ahead", "journal.jsonl"), `${half.join("\n")}\n`);
    writeFileSync(at("ahead", "segments.jsonl"), `${known.join("\n")}\n`);
    expect(await printed(["compare", "ahead"], root)).toMatch(/^The journal ends at line /);
  });

  it("refuses counts of JavaScript's own work that are none", async () => {
    cpSync(at("fleet"), at("uncounted"), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const edited = linesOf("fleet", "journal.jsonl").map((line) =>
      line.includes('"event":"own work"') ? line.replace(/"otherSeconds":[^,}]*/, '"otherSeconds":-1') : line,
    );
    writeFileSync(at("uncounted", "journal.jsonl"), `${edited.join("\n")}\n`);
    const { code, stderr } = await runCli(["compare", "uncounted"], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/Expected a number of at least 0 at otherSeconds of/)]);
  });

  it("says of a fleet that was resumed what tells of it", async () => {
    cpSync(at("fleet"), at("resumed"), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const event = { event: "resumed", checkpoint: null, skipped: [], spent: {}, time: "2026-01-01T00:00:00.000Z" };
    appendFileSync(at("resumed", "journal.jsonl"), `${JSON.stringify(event)}\n`);
    const { code, stderr } = await runCli(["compare", "resumed"], root);
    expect(code).toBe(2);
    expect(stderr).toMatch(/Expected a fleet that was not gone on with, got "one that was resumed"/);
    expect(stderr).toMatch(/`loratwin explain` and `loratwin report` tell what happened/);
  });

  it("needs all of the plan", async () => {
    cpSync(at("fleet"), at("forgotten"), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const [first, ...others] = linesOf("fleet", "segments.jsonl").map((line) => JSON.parse(line));
    const begin = { segments: 1, previous: first.hash, actions: [first.actions[0].length] };
    const lines = [{ begin }, ...others].map((line) => JSON.stringify(line));
    writeFileSync(at("forgotten", "segments.jsonl"), `${lines.join("\n")}\n`);
    const { code, stderr } = await runCli(["compare", "forgotten"], root);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/one whose first 1 segments are kept no longer/)]);
  });
});

describe("validate of a live fleet's folder", () => {
  it("checks every file, and makes the decisions again", async () => {
    expect(await printed(["validate", "fleet"], root)).toBe("fleet: valid live fleet's folder\n");
  });

  it.each([
    ["a decision", "journal.jsonl", '"kind":"preempt"', '"kind":"stay"', /the decisions of priority/],
    ["a segment", "segments.jsonl", '"0F1"', '"0F2"', /content that matches its hash/],
    ["a job", "jobs.jsonl", '"number":1', '"number":2', /Expected job 1 at number, got 2/],
    ["what devices reported", "completions.jsonl", '[0,"compute",0,', '[7,"compute",0,', /what a device of the plan/],
    ["an adapter", "adapters/urgent/adapter_config.json", '"r":4', '"r":5', /adapters\/urgent/],
  ])("finds %s that was changed", async (_, name, from, to, says) => {
    const folder = `changed-${path.basename(name)}`;
    cpSync(at("fleet"), at(folder), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    const text = readFileSync(at(folder, name), "utf8").replace(/"r": 4/, '"r":4');
    expect(text).toContain(from);
    writeFileSync(at(folder, name), text.replace(from, to));
    const { code, stderr } = await runCli(["validate", folder], root);
    expect(stderr).toMatch(says);
    expect(code).toBe(2);
  });

  it("takes a line that was not written to its end, unless the fleet has ended", async () => {
    cpSync(at("fleet"), at("torn"), { recursive: true, filter: (source) => !source.endsWith(".sock") });
    for (const name of ["segments.jsonl", "metrics.jsonl", "jobs.jsonl"]) appendFileSync(at("torn", name), '{"a":');
    expect((await runCli(["validate", "torn"], root)).stderr).toMatch(
      /jsonl(:\d+)?: Expected a.* line that was written to/,
    );
    const journal = readFileSync(at("torn", "journal.jsonl"), "utf8").trimEnd().split("\n");
    expect(JSON.parse(journal.at(-1)!).event).toBe("ended");
    writeFileSync(at("torn", "journal.jsonl"), `${journal.slice(0, -1).join("\n")}\n`);
    expect((await runCli(["validate", "torn"], root)).code).toBe(0);
  });
});
