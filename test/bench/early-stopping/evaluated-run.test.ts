import { expect, test } from "vitest";
import { evaluatedRun } from "../../../bench/early-stopping/evaluated-run.ts";
import { benchModel } from "../../../bench/train.ts";
import { architectureOf, devicesOf, MODEL } from "../../../bench/workload.ts";
import { createRng } from "../../../core/index.ts";
import { countScored, orderRows, type Row } from "../../../datasets/index.ts";
import { type AdapterPair, executePlan, initialPairs } from "../../../exec/index.ts";
import { constantCalibration, jobDefaults, makePlan, sealPlan } from "../../../plan/index.ts";

const model = benchModel(architectureOf(MODEL.tiny));
const rng = createRng("rows of the tests");
const rowsOf = (count: number): readonly Row[] =>
  Array.from({ length: count }, () => {
    const inputIds = Int32Array.from({ length: 6 + rng.nextInt(6) }, () => rng.nextInt(256));
    return { inputIds, labels: inputIds };
  });
const [rows, heldOut] = [rowsOf(20), rowsOf(5)];
const job = {
  ...jobDefaults(),
  ...{ name: "job", data: { path: "rows" }, batchSize: 2, microBatchSize: 2, steps: 12, seed: 3 },
  optimizer: { ...jobDefaults().optimizer, learningRate: 2e-2 },
};

/** A job trained by a plan of its own. */
async function trained(of: typeof job, data: readonly Row[], start: readonly AdapterPair[], shuffle: boolean) {
  const { seed, batchSize, steps } = of;
  const plan = makePlan({
    ...{ architecture: model.architecture, dtype: "float32", modelDigest: null, recompute: "none", jobs: [of] },
    rows: [
      {
        tokens: data.map((row) => row.inputIds.length),
        scored: data.map(countScored),
        digest: null,
        steps: orderRows(data.length, { seed, shuffle, batchSize, steps }).map((step) => [...step]),
      },
    ],
    ...{ devices: devicesOf([1]), links: [], calibration: constantCalibration(), schedule: "sequential" },
    ...{ maxInFlight: "auto", groups: "unfused" },
  });
  const sealed = sealPlan(plan, { model: null, data: {}, init: {} });
  return await executePlan({ plan: sealed, model, rows: [data], start: [start], versions: {} });
}

test("an evaluated run trains what the job trains alone, and evaluates its adapter as it was", async () => {
  const run = await evaluatedRun(model, { job, rows, heldOut, every: 4 });
  const start = initialPairs(job, model.architecture);
  const alone = await trained(job, rows, start, true);
  expect(run.training).toEqual(alone.metrics.map(({ loss }) => loss));
  expect(run.evaluation.length).toBe(3);
  for (const [index, evaluated] of run.evaluation.entries()) {
    const { adapters } = await trained({ ...job, steps: 4 * (index + 1) }, rows, start, true);
    const probe = { ...job, steps: 1, batchSize: heldOut.length, microBatchSize: heldOut.length };
    const { metrics } = await trained(probe, heldOut, adapters[0]!, false);
    expect(evaluated).toBe(metrics[0]!.loss);
  }
  expect(run.evaluation[0]).not.toBe(run.evaluation[2]);
});
