import { writeFileSync } from "node:fs";
import path from "node:path";
import { createRng, DeviceError, maximum } from "../../core/index.ts";
import { packageFile } from "../../files/index.ts";
import type { MeasuredCalibration, ScheduleName } from "../../plan/index.ts";
import { calibrateFor } from "../calibrate.ts";
import { adaptersOf } from "../killed-run.ts";
import { FAILURES, type Failure, failingRun } from "../machines/failing-run.ts";
import { MpiRun, whyNoMpi } from "../machines/mpi-run.ts";
import { type LinkRate, Namespaces, whyNoNamespaces } from "../machines/namespaces.ts";
import type { RankRequest, RankResult } from "../machines/rank-script.ts";
import { summarize } from "../measurement.ts";
import { outputOf } from "../own-process.ts";
import { startData } from "../start-data.ts";
import type { Bench, Case, Scale, Suite } from "../suite.ts";
import { ATTENTION_TARGETS, type JobShape, type ModelShape, type PlanShape } from "../workload.ts";

const MODELS: Readonly<Record<Scale, ModelShape>> = {
  full: { hidden: 512, layers: 8, heads: 8, kvHeads: 8, intermediate: 1408, vocabulary: 8192 },
  default: { hidden: 512, layers: 8, heads: 8, kvHeads: 8, intermediate: 1408, vocabulary: 8192 },
  quick: { hidden: 256, layers: 8, heads: 4, kvHeads: 4, intermediate: 704, vocabulary: 4096 },
  tiny: { hidden: 64, layers: 8, heads: 4, kvHeads: 4, intermediate: 176, vocabulary: 256 },
};
const STEPS: Readonly<Record<Scale, number>> = { full: 12, default: 6, quick: 6, tiny: 2 };
const RUNS: Readonly<Record<Scale, number>> = { full: 3, default: 1, quick: 1, tiny: 1 };
const LENGTHS: Readonly<Record<Scale, number>> = { full: 256, default: 256, quick: 128, tiny: 16 };

/** Machines and adapters. */
const SIZES = [
  [2, 1],
  [2, 4],
  [4, 4],
] as const;
const TINY_SIZES = [[2, 2]] as const;
const MOST_JOBS = maximum(SIZES.map(([, jobs]) => jobs));

/** As tc has them, and in bytes of messages a second: a TCP stream gets 94.9 % of an Ethernet's rate. */
const RATES: Readonly<Record<LinkRate, number>> = { "1gbit": 0.949 * 125e6, "100mbit": 0.949 * 12.5e6 };

/** Of a message of a few bytes between two namespaces, with the sleep of who waits for it. */
const LATENCY_SECONDS = 0.0003;

/** With messages that overlap with computation, and with senders that wait until theirs have arrived. */
const TRANSFERS = ["overlapped", "synchronous"] as const;
const SCHEDULES = ["lorapp", "1f1b"] as const satisfies readonly ScheduleName[];

interface Variant {
  readonly schedule: (typeof SCHEDULES)[number];
  readonly transfers: (typeof TRANSFERS)[number];
}
const VARIANTS: readonly Variant[] = SCHEDULES.flatMap((schedule) =>
  TRANSFERS.map((transfers): Variant => ({ schedule, transfers })),
);

const keyOf = ({ schedule, transfers }: Variant) => `${schedule} ${transfers}` as const;

/** What is gained, and the slower and the faster run that show it. */
const GAINS: readonly (readonly [string, ReturnType<typeof keyOf>, ReturnType<typeof keyOf>])[] = [
  ["overlap, LoRAPP", "lorapp synchronous", "lorapp overlapped"],
  ["overlap, 1F1B", "1f1b synchronous", "1f1b overlapped"],
  ["LoRAPP over 1F1B", "1f1b overlapped", "lorapp overlapped"],
];

interface Size {
  readonly rate: LinkRate;
  readonly machines: number;
  readonly jobs: number;
}

function shapeOf(scale: Scale, jobs: number): Omit<PlanShape, "devices"> {
  const job: JobShape = {
    rank: 16,
    targets: ATTENTION_TARGETS,
    batchSize: 4,
    microBatchSize: 1,
    length: LENGTHS[scale],
    steps: STEPS[scale],
  };
  return { model: MODELS[scale], dtype: "float32", jobs: Array.from({ length: jobs }, () => job) };
}

function requestOf(
  scale: Scale,
  { rate, machines, jobs }: Size,
  { schedule, transfers }: Variant,
  calibration: MeasuredCalibration,
): RankRequest {
  const manner = transfers === "overlapped" ? {} : { transfers };
  return {
    shape: {
      ...shapeOf(scale, jobs),
      schedule,
      calibration,
      network: { bandwidthBytesPerSecond: RATES[rate], latencySeconds: LATENCY_SECONDS, ...manner },
    },
    machines,
    idleSeconds: scale === "tiny" ? 0 : 3,
  };
}

async function runOf(namespaces: Namespaces, request: RankRequest): Promise<RankResult> {
  const script = packageFile("dist", "bench", "machines", "rank-script.js");
  using run = new MpiRun({
    numRanks: request.machines,
    command: [process.execPath, script, JSON.stringify(request)],
    cwd: packageFile(),
    namespaces,
  });
  const { code, stdout, stderr } = await run.outcome;
  if (code !== 0) throw new DeviceError({ expected: "ranks that end well", got: code, detail: stderr.trim() });
  return JSON.parse(stdout) as RankResult;
}

async function measure(bench: Bench, size: Size, calibration: MeasuredCalibration): Promise<void> {
  const { scale } = bench;
  using namespaces = new Namespaces(size.machines, size.rate);
  const results = new Map(VARIANTS.map((variant): readonly [string, RankResult[]] => [keyOf(variant), []]));
  for (let run = 0; run < RUNS[scale]; run += 1)
    for (const variant of run % 2 === 0 ? VARIANTS : VARIANTS.toReversed())
      results.get(keyOf(variant))!.push(await runOf(namespaces, requestOf(scale, size, variant, calibration)));
  for (const variant of VARIANTS) {
    const own = results.get(keyOf(variant))!;
    const parameters = { ...size, ...variant };
    const record = (name: string, unit: string, of: (result: RankResult) => number): void =>
      bench.record({ name, parameters, ...summarize(own.map(of)), unit });
    record("executed", "s", ({ executedSeconds }) => executedSeconds);
    record("simulated against executed", "ratio", (each) => each.simulatedSeconds / each.executedSeconds);
    record("messages in it", "s", ({ messageSeconds }) => messageSeconds);
    record(
      "beside them devices computed, or had nothing to",
      "share",
      (each) => 1 - each.idleAtHandSeconds / each.messageSeconds,
    );
    record(
      "hidden by the schedule",
      "share",
      (each) => 1 - (each.executedSeconds - each.withoutMessagesSeconds) / each.messageSeconds,
    );
    record("clock error at most", "s", ({ clockErrorSeconds }) => clockErrorSeconds);
    record("core of a rank that waits", "share", ({ waitingShare }) => waitingShare);
  }
  for (const [gain, slower, faster] of GAINS) {
    const [slow, fast] = [slower, faster].map((key) => results.get(key)!);
    const record = (name: string, of: (result: RankResult) => number): void =>
      bench.record({
        name,
        parameters: { ...size, gain },
        ...summarize(slow!.map((each, run) => of(each) / of(fast![run]!))),
        unit: "ratio",
      });
    record("executed", ({ executedSeconds }) => executedSeconds);
    record("simulated", ({ simulatedSeconds }) => simulatedSeconds);
  }
}

/** How often each failure befalls a run. */
const FAILED: Readonly<Record<Scale, Readonly<Record<Failure, number>>>> = {
  full: { "killed rank": 20, "cut link": 5, "stopped rank": 5 },
  default: { "killed rank": 6, "cut link": 2, "stopped rank": 2 },
  quick: { "killed rank": 2, "cut link": 1, "stopped rank": 1 },
  tiny: { "killed rank": 1, "cut link": 0, "stopped rank": 0 },
};
/** In one run. */
const FAILED_A_RUN = 5;
const FAILED_STEPS = 150;

/** Two pipelines of two machines each train four adapters. */
async function measureFailures({ scale, record }: Bench): Promise<void> {
  using namespaces = new Namespaces(4, "1gbit");
  using data = startData("tiny");
  const { folder } = data;
  const workload = data.writeWorkload({ model: data.trained(), jobs: 4, steps: FAILED_STEPS });
  writeFileSync(path.join(folder, "cluster.json"), JSON.stringify(clusterOf(4)));
  const words = ["plan", workload, "--cluster", "cluster.json", "--pipelines", "2", "-o", "plan.json", "--quiet"];
  await outputOf("plan", process.execPath, [packageFile("dist", "cli", "main.js"), ...words], { cwd: folder });
  const rng = createRng("failures of ranks");
  const input = { namespaces, folder, plan: "plan.json", rng, most: 2 * FAILED_STEPS };
  await failingRun({ ...input, run: "whole" }, []);
  const whole = adaptersOf(path.join(folder, "whole"));
  const wanted = FAILURES.flatMap((failure) => Array.from({ length: FAILED[scale][failure] }, () => failure));
  const left = wanted.map((failure) => ({ failure, at: rng.nextFloat() })).sort((a, b) => a.at - b.at);
  const same: number[] = [];
  const seconds: Record<Failure, number[]> = { "killed rank": [], "cut link": [], "stopped rank": [] };
  while (left.length > 0) {
    const own = left.slice(0, FAILED_A_RUN).map(({ failure }) => failure);
    const stopped = await failingRun({ ...input, run: "failed" }, own);
    // Those that a run ended before come again.
    left.splice(0, stopped.length);
    for (const each of stopped) seconds[each.failure].push(each.seconds);
    same.push(adaptersOf(path.join(folder, "failed")) === whole ? 1 : 0);
  }
  const parameters = { machines: 4, pipelines: 2 };
  record({ name: "resumed to the same bytes", parameters, ...summarize(same), unit: "share" });
  for (const failure of FAILURES) {
    const own = seconds[failure];
    if (own.length === 0) continue;
    record({
      name: `${failure}: stopped after, at most`,
      parameters: { ...parameters, times: own.length },
      value: maximum(own),
      unit: "s",
      repetitions: own.length,
      spread: null,
    });
  }
}

function clusterOf(numMachines: number) {
  return {
    kind: "cluster",
    version: 1,
    machines: Array.from({ length: numMachines }, (_, m) => ({
      name: `m${m}`,
      devices: [{ name: `m${m}.cpu:0`, type: "cpu", threads: 1 }],
    })),
    network: { bandwidthBytesPerSecond: RATES["1gbit"], latencySeconds: LATENCY_SECONDS },
  };
}

export const machines: Suite = {
  describe: "plans over two and four machines of a network of 1 Gbit/s and 100 Mbit/s, executed and simulated",
  cases({ scale, note }) {
    const why = whyNoMpi(packageFile("native", "build")) ?? whyNoNamespaces();
    if (why !== undefined) {
      note(`Several machines on this one need MPI and network namespaces: ${why}.`);
      return [];
    }
    const cases: Case[] = [{ name: "failures", seconds: scale === "full" ? 400 : 110, run: measureFailures }];
    let calibration: Promise<MeasuredCalibration> | undefined;
    for (const rate of scale === "tiny" ? (["1gbit"] as const) : (["1gbit", "100mbit"] as const))
      for (const [numMachines, jobs] of scale === "tiny" ? TINY_SIZES : SIZES)
        cases.push({
          name: `${numMachines} machines, ${rate}, ${jobs} adapters`,
          seconds: 60 * RUNS[scale],
          run: async (bench) => {
            calibration ??= calibrateFor({ ...shapeOf(scale, MOST_JOBS), devices: [1, 1] });
            await measure(bench, { rate, machines: numMachines, jobs }, await calibration);
          },
        });
    return cases;
  },
};
