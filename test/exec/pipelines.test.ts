import { beforeAll, describe, expect, test } from "vitest";
import { createCostModel, type Dtype, pipelineJobs } from "../../plan/index.ts";
import { replay, simulate } from "../../sim/index.ts";
import { compareTraces, runMetrics } from "../../traces/index.ts";
import { adapterBytes, packsAsPlanned, runSmall, type SmallResult, smallCase, TWO_JOBS } from "./small-run.ts";

const GIVEN = smallCase([...TWO_JOBS, { rank: 3, targets: ["up_proj", "o_proj"], steps: 5, microBatchSize: 4 }]);

describe.each(["float32", "bfloat16"] satisfies readonly Dtype[])("two pipelines in one process, in %s", (dtype) => {
  let run: SmallResult;
  beforeAll(async () => {
    run = await runSmall(GIVEN, { devices: "cpu:0,cpu:1", pipelines: 2, groups: "unfused", dtype });
  }, 120_000);

  test("train the same bytes as the same jobs on one pipeline of one device", async () => {
    const alone = await runSmall(GIVEN, { devices: "cpu:0", groups: "unfused", dtype });
    expect(run.adapters.map(adapterBytes)).toEqual(alone.adapters.map(adapterBytes));
  }, 120_000);

  test("report each job's steps with the losses and norms that it has alone", async () => {
    for (const only of GIVEN.jobs.keys()) {
      const alone = await runSmall(GIVEN, { devices: "cpu:0", groups: "unfused", dtype, only });
      const numbers = (result: SmallResult) =>
        result.metrics
          .filter(({ job }) => job === GIVEN.jobs[only]!.name)
          .map(({ step, loss, gradNorm, tokens }) => ({ step, loss, gradNorm, tokens }));
      expect(numbers(run)).toEqual(numbers(alone));
      expect(numbers(run)).toHaveLength(GIVEN.jobs[only]!.steps!);
      expect(run.metrics.every(({ seconds }) => seconds > 0)).toBe(true);
    }
  }, 120_000);

  test("hold the memory that is planned, which the simulator says as well, and only their own jobs' adapters", () => {
    const { plan, statistics, trace } = run;
    const simulated = simulate({ plan, planHash: plan.hash, costModel: createCostModel(plan.calibration, dtype) });
    const { devices } = runMetrics(plan, simulated);
    statistics.forEach(({ memory }, stage) => {
      const planned = plan.memory[stage]!;
      expect(devices[plan.stages[stage]!.device]!.peakMemoryBytes).toBe(planned.total);
      expect(memory.peakBytes).toBeLessThanOrEqual(planned.total);
      if (packsAsPlanned(dtype)) expect(memory.peakBytes).toBe(planned.total);
      if (packsAsPlanned(dtype)) expect(memory.weightsBytes).toBe(planned.weights);
      expect(memory.adaptersBytes).toBe(planned.adapters + planned.optimizer);
    });
    expect(runMetrics(plan, trace).devices.map(({ peakMemoryBytes }) => peakMemoryBytes > 0)).toEqual([true, true]);
  });

  test("hold the base model once: the second one's device has the rotary frequencies alone", () => {
    const [first, second] = run.statistics.map(({ memory }) => memory.weightsBytes);
    expect(second).toBe(64);
    expect(first).toBeGreaterThan(100 * second!);
  });

  test("are one run: one trace with the plan's orders, compared and replayed whole", () => {
    const { plan, trace } = run;
    expect(plan.pipelines.map((_, pipeline) => pipelineJobs(plan, pipeline))).toEqual([[0, 2], [1]]);
    plan.actions.forEach((keys, stage) => {
      const events = trace.events.filter((event) => event.stream === "compute" && event.stage === stage);
      expect(events.map(({ action }) => action)).toEqual(keys);
    });
    const simulated = simulate({ plan, planHash: plan.hash, costModel: createCostModel(plan.calibration, dtype) });
    const replayed = replay({ plan, planHash: plan.hash, executed: trace });
    const { perKind, replay: again } = compareTraces(simulated, trace, { replayed });
    expect(perKind.F.count).toBe(plan.microBatches.length);
    // What runs between two actions of a device is no part of their times.
    expect(again!.makespanError).toBeLessThanOrEqual(0);
    const { jobs, tokens } = runMetrics(plan, trace);
    expect(tokens).toBe(jobs.reduce((sum, job) => sum + job.tokens, 0));
    expect(Math.min(...jobs.map(({ startSeconds }) => startSeconds))).toBe(0);
  });

  test("sample each job's loss on the device that computes it", () => {
    const { plan, trace } = run;
    const devices = new Map(
      trace.counters.flatMap(({ counter, job, device }) => (counter === "loss" ? [[job, device]] : [])),
    );
    expect(Object.fromEntries(devices)).toEqual({ job0: 0, job1: 1, job2: 0 });
    expect(plan.stages.map(({ head }) => head)).toEqual([true, true]);
  });
});

test("weights that pipelines share are read and packed once", async () => {
  const reads: string[] = [];
  const { weights } = GIVEN.model;
  const read = (name: string, shape: readonly number[]): Float32Array => {
    reads.push(name);
    return weights.read(name, shape);
  };
  const given = { ...GIVEN, model: { ...GIVEN.model, weights: { ...weights, read } } };
  await runSmall(given, { devices: "cpu:0", groups: "unfused" });
  const once = reads.splice(0);
  await runSmall(given, { devices: "cpu:0,cpu:1", pipelines: 2, groups: "unfused" });
  expect(reads).toEqual(once);
});

test.each(["int8", "nf4"] satisfies readonly Dtype[])(
  "quantized weights are shared too, in the memory that is planned: %s",
  async (dtype) => {
    const pipelines = await runSmall(GIVEN, { devices: "cpu:0,cpu:1", pipelines: 2, groups: "unfused", dtype });
    const alone = await runSmall(GIVEN, { devices: "cpu:0", groups: "unfused", dtype });
    expect(pipelines.adapters.map(adapterBytes)).toEqual(alone.adapters.map(adapterBytes));
    pipelines.statistics.forEach(({ memory }, stage) => {
      const planned = pipelines.plan.memory[stage]!;
      if (packsAsPlanned(dtype))
        expect([memory.weightsBytes, memory.peakBytes]).toEqual([planned.weights, planned.total]);
    });
  },
);
