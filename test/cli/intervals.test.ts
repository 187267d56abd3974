import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Comparison, type Intervals, parseTraceDocument } from "../../traces/index.ts";
import { WORKLOAD, writeShared } from "./bad-input/bad-input.ts";
import { printed, runCli, temporaryFolder } from "./run-cli.ts";

const root = temporaryFolder();
const DEVICES = ["--devices", "cpu:0,cpu:1"] as const;

async function json<T>(...argv: readonly string[]): Promise<T> {
  return JSON.parse(await printed([...argv, "--json"], root)) as T;
}

interface Simulated {
  readonly makespanSeconds: number;
  readonly intervals?: Intervals;
  readonly replay?: { readonly makespanError: number; readonly executedMakespanSeconds: number };
}

beforeAll(async () => {
  writeShared(root);
  writeFileSync(path.join(root, "w.yaml"), WORKLOAD.replaceAll("../", ""));
  await printed(["plan", "w.yaml", ...DEVICES, "-o", "p.json"], root);
  await printed(["train", "p.json", "-o", "run"], root);
});

describe("intervals on the command line", () => {
  it("hold the prediction, are the same for plan and simulate, and follow the seed", async () => {
    const { makespanSeconds, intervals } = await json<Simulated>("simulate", "p.json");
    expect(intervals).toMatchObject({ level: 0.9, samples: 20, seed: 0 });
    expect(intervals!.makespanSeconds[0]).toBeLessThan(makespanSeconds);
    expect(intervals!.makespanSeconds[1]).toBeGreaterThan(makespanSeconds);
    const plan = await json<{ readonly predicted: Simulated }>("plan", "w.yaml", ...DEVICES);
    expect(plan.predicted.intervals).toEqual(intervals);
    const other = await json<Simulated>("simulate", "p.json", "--samples", "7", "--seed", "3");
    expect(other.intervals).toMatchObject({ samples: 7, seed: 3 });
    expect(other.intervals!.makespanSeconds).not.toEqual(intervals!.makespanSeconds);
  });

  it("are no part of the plan, whose hash is that of what was decided", async () => {
    await printed(["plan", "w.yaml", ...DEVICES, "--no-intervals", "-o", "q.json"], root);
    expect(readFileSync(path.join(root, "q.json"), "utf8")).toBe(readFileSync(path.join(root, "p.json"), "utf8"));
  });

  it("are left out with --no-intervals, and have no width and no line for constant times", async () => {
    expect((await json<Simulated>("simulate", "p.json", "--no-intervals")).intervals).toBeUndefined();
    const unit = ["simulate", "w.yaml", "--devices", "unit*2"];
    const { makespanSeconds, intervals } = await json<Simulated>(...unit);
    expect(intervals!.makespanSeconds).toEqual([makespanSeconds, makespanSeconds]);
    expect(await printed(unit, root)).not.toContain("90 %");
    expect(await printed(["simulate", "p.json"], root)).toMatch(/^ +90 % of runs: [\d.]+ (\w+ )?to [\d.]+ \w+, /m);
  });

  it("are kept in the trace, and compare says whether the run lies inside", async () => {
    const { intervals } = await json<Simulated>("simulate", "p.json", "-o", "s.json");
    const comparison = await json<Comparison>("compare", "s.json", "run");
    expect(comparison.intervals).toEqual(intervals);
    const [low, high] = intervals!.makespanSeconds;
    const { makespanSeconds } = comparison.executed;
    expect(comparison.insideIntervals!.makespanSeconds).toBe(low <= makespanSeconds && makespanSeconds <= high);
    expect(await printed(["compare", "s.json", "run"], root)).toMatch(/makespan .*, (inside|outside)$/m);
  });

  it("are not drawn of a replay", async () => {
    const { code, stderr } = await runCli(["replay", "run", "--samples", "5"], root);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^Expected an option of loratwin replay, got "--samples"\./),
    ]);
  });

  const examples = path.join(import.meta.dirname, "../../examples");
  beforeAll(() => {
    const workload = readFileSync(path.join(examples, "gpu-workload.yaml"), "utf8").replace("steps: 50", "steps: 2");
    writeFileSync(path.join(root, "g.yaml"), workload);
  });

  it("are drawn of what is switched off and of schedules that are no plans, and kept in their traces", {
    tags: ["slow"],
  }, async () => {
    const gpus = ["g.yaml", "--cluster", path.join(examples, "gpu-cluster.yaml")];
    for (const argv of [
      ["p.json", "--no-overlap"],
      [...gpus, "--no-pruning"],
      ...["tp", "fsdp", "ddp", "interleaved", "zb-h1"].map((schedule) => [...gpus, "--schedule", schedule]),
    ]) {
      const drawn = ["simulate", ...argv, "--samples", "8", "--seed", "2", "-o", "t.json"];
      const { makespanSeconds, intervals } = await json<Simulated>(...drawn);
      expect(intervals).toMatchObject({ level: 0.9, samples: 8, seed: 2 });
      expect(intervals!.makespanSeconds[0]).toBeLessThan(makespanSeconds);
      expect(intervals!.makespanSeconds[1]).toBeGreaterThan(makespanSeconds);
      expect(await json<Simulated>(...drawn)).toMatchObject({ makespanSeconds, intervals: { ...intervals } });
      const trace: unknown = JSON.parse(readFileSync(path.join(root, "t.json"), "utf8"));
      expect(parseTraceDocument(trace, { file: "t.json" }).intervals).toEqual(intervals);
      expect(await printed(drawn, root)).toMatch(/^ +90 % of runs: [\d.]+ (\w+ )*to [\d.]+ /m);
      expect((await json<Simulated>("simulate", ...argv, "--no-intervals")).intervals).toBeUndefined();
    }
  });

  it("are of whole runs, and left out of a trace that holds some steps only", async () => {
    const cluster = path.join(import.meta.dirname, "../../examples/gpu-cluster.yaml");
    const argv = ["g.yaml", "--cluster", cluster, "--schedule", "ddp", "--trace-steps", "2", "-o", "part.json"];
    const { intervals } = await json<Simulated>("simulate", ...argv, "--samples", "4");
    expect(intervals).toMatchObject({ samples: 4 });
    const trace: unknown = JSON.parse(readFileSync(path.join(root, "part.json"), "utf8"));
    expect(parseTraceDocument(trace, { file: "part.json" }).intervals).toBeUndefined();
  });

  it("want at least one sample", async () => {
    const { code, stderr } = await runCli(["simulate", "p.json", "--samples", "0"], root);
    expect([code, stderr]).toEqual([2, "Expected a whole number of at least 1 at --samples, got 0.\n"]);
  });
});

describe("a run folder replayed", () => {
  it("takes the run's own durations, so that only the simulator's own error is left", async () => {
    const { replay, makespanSeconds } = await json<Simulated>("replay", "run", "-o", "r.json");
    const comparison = await json<Comparison>("compare", "r.json", "run");
    expect(comparison.meanAbsActionError).toBe(0);
    expect(comparison.makespanError).toBe(replay!.makespanError);
    expect(makespanSeconds / replay!.executedMakespanSeconds - 1).toBeCloseTo(replay!.makespanError, 9);
    expect(replay!.makespanError).toBeLessThan(0.001);
    expect(await printed(["replay", "run"], root)).toMatch(/replay with the executed durations: makespan [-+]\d/);
  });

  it("is the same with the plan and its trace, and compare of a simulation has it too", async () => {
    const replayed = await json<Simulated>("replay", "run");
    expect(await json("replay", "p.json", "run/trace.json")).toEqual(replayed);
    await printed(["simulate", "p.json", "-o", "s.json"], root);
    const { replay } = await json<Comparison>("compare", "s.json", "run");
    expect(replay!.makespanSeconds).toBe(replayed.makespanSeconds);
    expect(replay!.makespanError).toBe(replayed.replay!.makespanError);
  });

  it("refuses costs beside it, and a run of another plan", async () => {
    writeFileSync(
      path.join(root, "k.json"),
      JSON.stringify({ kind: "calibration", version: 1, model: "constant", seconds: { F: 1, B: 1 } }),
    );
    const costs = await runCli(["replay", "run", "--calibration", "k.json"], root);
    expect(costs.code).toBe(2);
    expect(costs.stderr).toContain('Expected an option of loratwin replay, got "--calibration".');
    await printed(["plan", "w.yaml", "--devices", "unit*2", "-o", "other.json"], root);
    const alone = await runCli(["replay", "other.json"], root);
    expect(alone.stderr).toBe(
      'other.json: Expected a run folder, or a plan file and a trace of a run of it, got "one file".\n',
    );
    const other = await runCli(["replay", "other.json", "run"], root);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain("a trace of plan sha256:");
  });
});
