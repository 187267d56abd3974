// node dist/gpu/train-benchmark.js SHAPE STEPS DEVICES: trains TRAINING_WORK by the executor, all adapters in shared
// micro-batches, then one after another, and prints a JSON line for each: {mode, shape, devices, stepSeconds, tokens,
// tokensPerSecond, plannedPeakBytes, peakBytes, lastLoss} or {mode, error}.
import { peakBytes, plannedBytes, roundSeconds, train } from "../bench/train.ts";
import { architectureOf, benchPlan } from "../bench/workload.ts";
import { loadCluster } from "../cli/load-cluster.ts";
import { DeviceError, PlanError } from "../core/index.ts";
import type { BaseModel } from "../exec/index.ts";
import type { ResolvedDevice } from "../plan/index.ts";
import { randomModel } from "./random-model.ts";
import { TOKENS_PER_STEP, TRAINING_SHAPES, TRAINING_WORK, type TrainingShape } from "./training-shapes.ts";

const MODES = { fused: { groups: 1 }, "one after another": { schedule: "sequential" } } as const;

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

async function runMode(
  mode: keyof typeof MODES,
  shape: TrainingShape,
  steps: number,
  devices: readonly ResolvedDevice[],
  base: BaseModel,
): Promise<void> {
  const { ranks, targets, batchSize, length } = TRAINING_WORK;
  const jobs = ranks.map((rank) => ({ rank, targets, batchSize, microBatchSize: batchSize, length, steps }));
  const plan = benchPlan({ model: TRAINING_SHAPES[shape], dtype: "bfloat16", jobs, devices, ...MODES[mode] });
  const result = await train(plan, base);
  const stepSeconds = roundSeconds(plan, result.trace);
  say({
    mode,
    shape,
    devices: devices.map(({ name }) => name).join(),
    stepSeconds,
    tokens: TOKENS_PER_STEP,
    tokensPerSecond: TOKENS_PER_STEP / stepSeconds,
    plannedPeakBytes: plannedBytes(plan),
    peakBytes: peakBytes(result),
    lastLoss: result.metrics.at(-1)?.loss,
  });
}

async function main(shape: TrainingShape, steps: number, list: string): Promise<void> {
  let doing: string = list;
  try {
    const quiet = { stdout() {}, stderr() {}, isTty: false, cwd: "." };
    const { devices } = loadCluster(quiet, { devices: list });
    const base = randomModel(architectureOf(TRAINING_SHAPES[shape]));
    for (const mode of ["fused", "one after another"] as const) {
      doing = mode;
      await runMode(mode, shape, steps, devices, base);
    }
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof PlanError)) throw error;
    say({ mode: doing, shape, error: error.message });
    process.exitCode = 1;
  }
}

const [shape, steps, list] = process.argv.slice(2);
await main(shape as TrainingShape, Number(steps), list!);
