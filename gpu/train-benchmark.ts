// node dist/gpu/train-benchmark.js SHAPE STEPS DEVICES: trains TRAINING_WORK by the executor, all adapters in shared
// micro-batches, with CUDA graphs as the device decides, without and with them, then one adapter after another, and
// prints a JSON line for each: {mode, graphs, shape, devices, stepSeconds, tokens, tokensPerSecond, plannedPeakBytes,
// peakBytes, lastLoss, graphsCaptured, graphsLaunched, graphsRefused, graphNodes, graphBytes}, the last two of those
// that are kept, or {mode, graphs, shape, error}.
import { peakBytes, plannedBytes, roundSeconds, train } from "../bench/train.ts";
import { architectureOf, benchPlan } from "../bench/workload.ts";
import { DeviceError, PlanError, sum } from "../core/index.ts";
import type { BaseModel, CudaGraphs } from "../exec/index.ts";
import { silent } from "../files/context.ts";
import type { ResolvedDevice } from "../plan/index.ts";
import { loadCluster } from "../workbench/load/load-cluster.ts";
import { randomModel } from "./random-model.ts";
import { TRAINING_SHAPES, TRAINING_WORK, type TrainingShape, tokensPerStep } from "./training-shapes.ts";

const MODES = { fused: { groups: 1 }, "one after another": { schedule: "sequential" } } as const;

interface TrainingRun {
  readonly mode: keyof typeof MODES;
  readonly graphs: CudaGraphs;
}

const RUNS: readonly TrainingRun[] = [
  { mode: "fused", graphs: "auto" },
  { mode: "fused", graphs: "off" },
  { mode: "fused", graphs: "on" },
  { mode: "one after another", graphs: "auto" },
];

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function runMode(
  { mode, graphs }: TrainingRun,
  shape: TrainingShape,
  steps: number,
  devices: readonly ResolvedDevice[],
  base: BaseModel,
): Promise<void> {
  const { ranks, targets, batchSize, length } = TRAINING_WORK[shape];
  const jobs = ranks.map((rank) => ({ rank, targets, batchSize, microBatchSize: batchSize, length, steps }));
  const plan = benchPlan({ model: TRAINING_SHAPES[shape], dtype: "bfloat16", jobs, devices, ...MODES[mode] });
  process.env["LORATWIN_CUDA_GRAPHS"] = graphs;
  const result = await train(plan, base);
  const counts = result.statistics.map((each) => each.graphs);
  const tokens = tokensPerStep(shape);
  const stepSeconds = roundSeconds(plan, result.trace);
  say({
    mode,
    graphs,
    shape,
    devices: devices.map(({ name }) => name).join(),
    stepSeconds,
    tokens,
    tokensPerSecond: tokens / stepSeconds,
    plannedPeakBytes: plannedBytes(plan),
    peakBytes: peakBytes(result),
    lastLoss: result.metrics.at(-1)?.loss,
    graphsCaptured: sum(counts.map(({ captured }) => captured)),
    graphsLaunched: sum(counts.map(({ launched }) => launched)),
    graphsRefused: sum(counts.map(({ refused }) => refused)),
    graphNodes: sum(counts.map(({ nodes }) => nodes)),
    graphBytes: sum(counts.map(({ bytes }) => bytes)),
  });
}

async function main(shape: TrainingShape, steps: number, list: string): Promise<void> {
  let doing: Partial<TrainingRun> = {};
  try {
    const { devices } = loadCluster(silent("."), { devices: list });
    const base = randomModel(architectureOf(TRAINING_SHAPES[shape]));
    for (const run of RUNS) {
      doing = run;
      await runMode(run, shape, steps, devices, base);
    }
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof PlanError)) throw error;
    say({ ...doing, shape, error: error.message });
    process.exitCode = 1;
  }
}

const [shape, steps, list] = process.argv.slice(2);
await main(shape as TrainingShape, Number(steps), list!);
