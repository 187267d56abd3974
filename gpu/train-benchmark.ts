// node dist/gpu/train-benchmark.js SHAPE STEPS DEVICES: trains TRAINING_WORK by the executor, all adapters in shared
// micro-batches, then one after another, and prints a JSON line for each: {mode, shape, devices, stepSeconds, tokens,
// tokensPerSecond, plannedPeakBytes, peakBytes, lastLoss} or {mode, error}.
import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { peakBytes, plannedBytes, roundSeconds, train } from "../bench/train.ts";
import { architectureOf, benchPlan } from "../bench/workload.ts";
import { DeviceError, PlanError } from "../core/index.ts";
import { catalogSchema, clusterFromList, resolveDevices } from "../plan/index.ts";
import { randomModel } from "./random-model.ts";
import { TOKENS_PER_STEP, TRAINING_SHAPES, TRAINING_WORK, type TrainingShape } from "./training-shapes.ts";

const [shape, steps, list] = process.argv.slice(2) as [TrainingShape, string, string];
const model = TRAINING_SHAPES[shape];
const base = randomModel(architectureOf(model));
const catalog = catalogSchema.parse(JSON.parse(readFileSync(new URL("../plan/catalog.json", import.meta.url), "utf8")));
const devices = resolveDevices(clusterFromList(list), catalog, { memoryBytes: totalmem(), cores: 1 });
const { ranks, targets, batchSize, length } = TRAINING_WORK;
const jobs = ranks.map((rank) => ({
  rank,
  targets,
  batchSize,
  microBatchSize: batchSize,
  length,
  steps: Number(steps),
}));

for (const [mode, options] of [
  ["fused", { groups: 1 }],
  ["one after another", { schedule: "sequential" }],
] as const) {
  try {
    const plan = benchPlan({ model, dtype: "bfloat16", jobs, devices, ...options });
    const result = await train(plan, base);
    const stepSeconds = roundSeconds(plan, result.trace);
    const line = {
      mode,
      shape,
      devices: list,
      stepSeconds,
      tokens: TOKENS_PER_STEP,
      tokensPerSecond: TOKENS_PER_STEP / stepSeconds,
      plannedPeakBytes: plannedBytes(plan),
      peakBytes: peakBytes(result),
      lastLoss: result.metrics.at(-1)?.loss,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
  } catch (error) {
    if (!(error instanceof DeviceError || error instanceof PlanError)) throw error;
    process.stdout.write(`${JSON.stringify({ mode, shape, error: error.message })}\n`);
    process.exitCode = 1;
  }
}
