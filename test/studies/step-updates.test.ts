import { describe, expect, it } from "vitest";
import { jobDefaults, lengthRows, type PlanRequest, type Projection } from "../../plan/index.ts";
import {
  COMPARISON_SCHEDULES,
  type ComparisonSchedule,
  compareStrategies,
  comparisonRun,
  fixedInterconnect,
  type JobsRun,
  jobsTrace,
  jobsWay,
  simulateJobs,
} from "../../studies/index.ts";
import type { TraceEvent } from "../../traces/index.ts";
import { FIGURES, FREE, jobsRun, platform, preset, updateSeconds } from "./comparison-jobs.ts";

/** 22 layers of q_proj [2048, 2048] and v_proj [256, 2048]. */
const tiny = preset("tinyllama-1.1b");
const PER_RANK_AND_LAYER = 2048 + 2048 + 2048 + 256;
const ROWS = Array.from({ length: 8 }, () => 512);

type Options = NonNullable<Parameters<typeof jobsRun>[2]>;

function runOf(schedule: ComparisonSchedule, { model, ...more }: Options = {}): JobsRun {
  return jobsRun(schedule, [ROWS], { names: ["a"], ...more, model: { architecture: tiny, ...model } });
}

/** The one update of each device in the first step, by device. */
function updates(run: JobsRun): readonly TraceEvent[] {
  const { trace } = jobsTrace(run, simulateJobs(run), { maxSteps: 1, calibrationHash: "", versions: {} });
  const found = trace.events.filter(({ letter }) => letter === "U").sort((a, b) => a.device - b.device);
  expect(found.map(({ device, stream }) => [device, stream])).toEqual(run.devices.map((_, at) => [at, "compute"]));
  return found;
}

const nanos = (parameters: readonly number[]): readonly number[] =>
  parameters.map((each) => Math.round(updateSeconds(each) * 1e9));
const durations = (run: JobsRun): readonly number[] => updates(run).map(({ durationNs }) => durationNs);

function request(numDevices: number, more: Partial<PlanRequest["jobs"][number]> = {}): PlanRequest {
  const data = { lengths: 512, samples: 8 };
  const jobs = [{ ...jobDefaults(), name: "a", data, batchSize: 8, microBatchSize: 8, steps: 1, ...more }];
  return {
    ...{ architecture: tiny, dtype: "bfloat16", modelDigest: null, recompute: "none", jobs },
    rows: jobs.map((job) => lengthRows(job, data)),
    devices: platform(numDevices).devices,
    ...{ links: [], calibration: FIGURES, schedule: "lorapp", maxInFlight: "auto", groups: "auto" },
  };
}

describe("the update that closes a step of a schedule that is simulated only", () => {
  const whole = 22 * 16 * PER_RANK_AND_LAYER;

  it("is of all adapters with DDP, of a part of every matrix with TP and FSDP, and of its layers in a pipeline", () => {
    const layers = [6, 6, 5, 5].map((count) => count * 16 * PER_RANK_AND_LAYER);
    expect(durations(runOf("ddp"))).toEqual(nanos([whole, whole, whole, whole]));
    for (const schedule of ["tp", "fsdp"] as const)
      expect(durations(runOf(schedule))).toEqual(nanos([whole, whole, whole, whole].map((each) => each / 4)));
    // Two chunks a device have as many layers as one stage: 3 and 3, or 3 and 2.
    for (const schedule of ["interleaved", "zb-h1"] as const) expect(durations(runOf(schedule))).toEqual(nanos(layers));
  });

  it("is of all base weights in full training, with embedding and head where they are", () => {
    const { hiddenSize, vocabularySize, intermediateSize } = tiny;
    const layer = hiddenSize * (2 * hiddenSize + 2 * 256 + 3 * intermediateSize);
    const end = hiddenSize * vocabularySize;
    const full = { model: { full: true } };
    const all = 22 * layer + 2 * end;
    expect(durations(runOf("fsdp", full))).toEqual(nanos([all, all, all, all].map((each) => each / 4)));
    expect(durations(runOf("zb-h1", full))).toEqual(nanos([6 * layer + end, 6 * layer, 5 * layer, 5 * layer + end]));
  });

  it("takes as long as a plan's on one device, whatever the targets and ranks", () => {
    const targets: readonly (readonly Projection[])[] = [["q_proj"], ["v_proj", "down_proj"], ["lm_head"]];
    const adapters = [
      ...targets.map((each) => ({ rank: 4, alpha: 8, dropout: 0, targets: [...each] })),
      { rank: 4, alpha: 8, dropout: 0, targets: ["q_proj" as const], rankPattern: { "layers.3.*": 64 } },
      { rank: 4, alpha: 8, dropout: 0, targets: ["q_proj" as const], dora: true },
    ];
    const seen = new Set<number>();
    for (const adapter of adapters) {
      const rows = compareStrategies(request(1, { adapter })).filter(({ recompute }) => recompute === "none");
      const ns = rows.map(({ causes }) => causes.find(({ cause }) => cause === "update")!.ns);
      expect(rows.map(({ strategy }) => strategy)).toEqual(expect.arrayContaining([...COMPARISON_SCHEDULES]));
      expect(new Set(ns).size).toBe(1);
      seen.add(ns[0]!);
    }
    expect(seen.size).toBe(adapters.length);
  });

  it("begins on each device behind its last gradient, or where gradients are clipped when all norms are there", () => {
    const latency = 3e-3;
    const interconnect = fixedInterconnect({ numDevices: 4, ...FREE, hopSeconds: latency });
    const startsOf = (schedule: ComparisonSchedule, clips: boolean, perMachine: number): readonly number[] => {
      const run = runOf(schedule, { platform: platform(4, { interconnect }, perMachine), job: { clips } });
      return updates(run).map(({ startNs }) => startNs);
    };
    for (const schedule of ["interleaved", "zb-h1"] as const) {
      const plain = startsOf(schedule, false, 4);
      const last = Math.max(...plain);
      expect(new Set(plain).size).toBe(4);
      expect(startsOf(schedule, true, 4)).toEqual([last, last, last, last]);
      // The first stage ends last: the other machine hears of that a message later, and it of them long before.
      expect(startsOf(schedule, true, 2)).toEqual([last, last, last + latency * 1e9, last + latency * 1e9]);
    }
    for (const schedule of ["tp", "fsdp"] as const) {
      const plain = startsOf(schedule, false, 2);
      expect(startsOf(schedule, true, 4)).toEqual(plain);
      expect(startsOf(schedule, true, 2)).toEqual(plain.map((ns) => ns + latency * 1e9));
    }
    expect(startsOf("ddp", true, 2)).toEqual(startsOf("ddp", false, 2));
  });

  it("waits for norms as such, where it does", () => {
    const interconnect = fixedInterconnect({ numDevices: 4, ...FREE, hopSeconds: 3e-3 });
    const causesOf = (clips: boolean) => {
      const run = runOf("zb-h1", { platform: platform(4, { interconnect }, 2), job: { clips } });
      const { causes, facts } = jobsWay(run, simulateJobs(run));
      return {
        of: Object.fromEntries(causes.causes.map(({ cause, ns }) => [cause, ns])),
        onPath: facts.criticalPath.find(({ cause }) => cause === "norms")?.ns,
      };
    };
    const [plain, clipped] = [causesOf(false), causesOf(true)];
    expect(plain.of["norms"]).toBeUndefined();
    expect(clipped.onPath).toBe(3e6);
    expect(clipped.of["update"]).toBe(plain.of["update"]);
    // What others waited for at the end they now wait for before their updates.
    expect(clipped.of["norms"]).toBeGreaterThan(plain.of["drain"]!);
  });

  it("comes once a step with accumulation, one micro-batch, or one device, and also for jobs that clip", () => {
    for (const schedule of COMPARISON_SCHEDULES)
      for (const numDevices of [1, 2]) {
        const pipes = schedule === "interleaved" || schedule === "zb-h1";
        const run = runOf(schedule, {
          platform: platform(numDevices, {}, 1),
          microBatchSize: pipes && numDevices === 1 ? 8 : 2,
          job: { clips: true },
        });
        expect(updates(run)).toHaveLength(numDevices);
      }
  });

  it("is of each job's own adapter: patterns of ranks and magnitudes are not taken for those of another", () => {
    const plain = runOf("ddp", { names: ["a", "b", "c"] });
    const [a, b, c] = plain.jobs;
    const mixed = {
      ...plain,
      jobs: [
        a!,
        { ...b!, adapter: { ...b!.adapter, rankPattern: { "layers.3.*": 64 } } },
        { ...c!, adapter: { ...c!.adapter, dora: true } },
      ],
    };
    const { trace } = jobsTrace(mixed, simulateJobs(mixed), { calibrationHash: "", versions: {} });
    const own = trace.events.filter(({ letter, device }) => letter === "U" && device === 0);
    expect(new Set(own.map(({ durationNs }) => durationNs)).size).toBe(3);
  });

  it("is clipped where the job's optimizer says so", () => {
    const optimizer = { ...jobDefaults().optimizer, maxGradNorm: 1 };
    const clipsOf = (asked: PlanRequest) => comparisonRun(asked, { schedule: "tp" }).jobs.map(({ clips }) => clips);
    expect(clipsOf(request(1, { optimizer }))).toEqual([true]);
    expect(clipsOf(request(1))).toEqual([undefined]);
  });
});
